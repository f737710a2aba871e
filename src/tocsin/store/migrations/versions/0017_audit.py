"""Adds the audit trail."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT, WHOLE_NUMBER, short_text

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("at", INSTANT_TEXT, nullable=False),
        sa.Column("key_id", sa.Uuid),
        sa.Column("key_name", LONG_TEXT),
        sa.Column("action", short_text(16), nullable=False),
        sa.Column("kind", short_text(16), nullable=False),
        sa.Column("subject_id", sa.Uuid),
        sa.Column("name", LONG_TEXT),
        sa.Column("before", LONG_TEXT),
        sa.Column("after", LONG_TEXT),
        sa.Column("changed", LONG_TEXT),
    )
    op.create_index("audit_at", "audit", ["at", "number"])
    op.create_index("audit_subject", "audit", ["subject_id", "at", "number"])
