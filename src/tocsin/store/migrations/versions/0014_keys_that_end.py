"""Adds the expiry, the last use and the former secrets of keys."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("keys", sa.Column("expires_date", INSTANT_TEXT))
    op.add_column("keys", sa.Column("former_secrets", LONG_TEXT))
    op.add_column("keys", sa.Column("used_date", INSTANT_TEXT))
