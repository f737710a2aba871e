"""Adds sessions of the pages."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT, short_text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("hash", short_text(64), primary_key=True),
        sa.Column("session_id", sa.Uuid, nullable=False, unique=True),
        sa.Column(
            "key_id",
            sa.Uuid,
            sa.ForeignKey("keys.key_id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("address", LONG_TEXT),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
        sa.Column("used_date", INSTANT_TEXT, nullable=False),
    )
