"""Adds the end of a channel's pause, and the reason why a delivery was skipped."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("channels", sa.Column("resting_until", sa.String(24)))
    op.add_column("deliveries", sa.Column("skip_reason", sa.Text))
