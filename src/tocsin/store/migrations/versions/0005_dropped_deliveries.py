"""Adds deliveries dropped at a channel's limit, and the problem of a template set aside."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT, WHOLE_NUMBER

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "dropped_deliveries",
        sa.Column("channel_id", sa.Uuid, primary_key=True),
        sa.Column("total", WHOLE_NUMBER, nullable=False),
        sa.Column("untold", WHOLE_NUMBER, nullable=False),
        sa.Column("start", INSTANT_TEXT),
        sa.Column("latest", INSTANT_TEXT, nullable=False),
    )
    op.create_table(
        "staged_drops",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("channel_id", sa.Uuid, nullable=False),
        sa.Column("interaction_ids", sa.LargeBinary, nullable=False),
        sa.Column("at", INSTANT_TEXT, nullable=False),
    )
    op.add_column("subscriptions", sa.Column("template_problem", LONG_TEXT))
