"""Adds the end of a channel's pause, and the reason why a delivery was skipped."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("channels", sa.Column("resting_until", INSTANT_TEXT))
    op.add_column("deliveries", sa.Column("skip_reason", LONG_TEXT))
