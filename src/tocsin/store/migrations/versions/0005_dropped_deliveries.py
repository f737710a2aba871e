"""Adds deliveries dropped at a channel's limit, and the problem of a template set aside."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "dropped_deliveries",
        sa.Column("channel_id", sa.Uuid, primary_key=True),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("untold", sa.Integer, nullable=False),
        sa.Column("start", sa.String(24)),
        sa.Column("latest", sa.String(24), nullable=False),
    )
    op.create_table(
        "staged_drops",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("channel_id", sa.Uuid, nullable=False),
        sa.Column("interaction_ids", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
    )
    op.add_column("subscriptions", sa.Column("template_problem", sa.Text))
