"""Adds the sides of a RATIO to transitions."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("transitions", sa.Column("sides", LONG_TEXT))
