"""Adds sessions of the pages."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.Uuid, nullable=False, unique=True),
        sa.Column(
            "key_id",
            sa.Uuid,
            sa.ForeignKey("keys.key_id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("address", sa.Text),
        sa.Column("created_date", sa.String(24), nullable=False),
        sa.Column("used_date", sa.String(24), nullable=False),
    )
