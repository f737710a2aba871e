"""Adds recurring silences, and deliveries that wait for the end of a silence."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    severities = sa.Column("severities", LONG_TEXT, nullable=False, server_default="[]")
    op.add_column("silences", severities)
    match_all = sa.Column("match_all", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("silences", match_all)
    op.add_column("silences", sa.Column("recurs", LONG_TEXT))
    op.add_column("deliveries", sa.Column("held_by", sa.Uuid))
    is_held = sa.column("held_by").is_not(None)
    op.create_index(
        "deliveries_held",
        "deliveries",
        ["held_by", "number"],
        sqlite_where=is_held,
        postgresql_where=is_held,
    )
