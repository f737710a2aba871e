"""Adds the key of a definition, and the set of the file that created it.

Older definitions have neither.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import short_text

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    for table in ("metrics", "alerts", "channels", "subscriptions", "silences"):
        op.add_column(table, sa.Column("key", short_text(64)))
        op.add_column(table, sa.Column("managed_by", short_text(64)))
        op.create_index(f"{table}_key", table, ["key"], unique=True)
