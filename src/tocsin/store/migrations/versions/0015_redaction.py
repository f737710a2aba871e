"""Adds the payload fields that are redacted to resource types."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("catalog", sa.Column("redact", LONG_TEXT))
