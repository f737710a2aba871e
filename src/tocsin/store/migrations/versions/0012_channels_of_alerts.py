"""Adds the filters of subscriptions and the channels of alerts."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("filters", LONG_TEXT))
    alert = sa.ForeignKey("alerts.alert_id", ondelete="CASCADE")
    channel = sa.ForeignKey("channels.channel_id")
    op.create_table(
        "alert_channels",
        sa.Column("alert_id", sa.Uuid, alert, primary_key=True),
        sa.Column("channel_id", sa.Uuid, channel, primary_key=True),
    )
    op.create_index("ix_alert_channels_channel_id", "alert_channels", ["channel_id"])
