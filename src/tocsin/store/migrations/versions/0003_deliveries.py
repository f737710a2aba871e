"""Adds notifications: channels, subscriptions, silences, deliveries, attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "channels",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("channel_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("created_date", sa.String(24), nullable=False),
        sa.Column("modified_date", sa.String(24), nullable=False),
    )
    op.create_table(
        "subscriptions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("subscription_id", sa.Uuid, nullable=False, unique=True),
        sa.Column(
            "channel_id",
            sa.Uuid,
            sa.ForeignKey("channels.channel_id"),
            nullable=False,
            index=True,
        ),
        sa.Column(
            "resource_type_id", sa.Uuid, sa.ForeignKey("catalog.id"), nullable=False, index=True
        ),
        sa.Column("action_id", sa.Uuid, sa.ForeignKey("catalog.id"), nullable=False, index=True),
        sa.Column("origin_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column("title_template", sa.Text),
        sa.Column("body_template", sa.Text),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_date", sa.String(24), nullable=False),
        sa.Column("modified_date", sa.String(24), nullable=False),
    )
    op.create_table(
        "silences",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("silence_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("alert_id", sa.Uuid),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("dimensions", sa.Text, nullable=False),
        sa.Column("start", sa.String(24), nullable=False),
        sa.Column("to", sa.String(24), nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("created_date", sa.String(24), nullable=False),
        sa.Column("modified_date", sa.String(24), nullable=False),
    )
    _create_deliveries()
    op.create_table(
        "attempts",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column(
            "delivery_id",
            sa.Uuid,
            sa.ForeignKey("deliveries.delivery_id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("http_status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.Column("duration_ms", sa.Integer, nullable=False),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("delivery_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("subscription_id", sa.Uuid, nullable=False),
        sa.Column("channel_id", sa.Uuid, nullable=False),
        sa.Column("interaction_id", sa.Uuid, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("title_template", sa.Text),
        sa.Column("body_template", sa.Text),
        sa.Column("silence_id", sa.Uuid),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due", sa.String(24)),
        sa.Column("claimed_until", sa.String(24)),
        sa.Column("is_end_recorded", sa.Boolean, nullable=False),
        sa.Column("created_date", sa.String(24), nullable=False),
        sa.Column("finished_date", sa.String(24)),
    )
    op.create_index("deliveries_due", "deliveries", ["status", "channel_id", "due"])
    op.create_index("deliveries_status", "deliveries", ["status", "number"])
    op.create_index("deliveries_channel", "deliveries", ["channel_id", "number"])
    op.create_index(
        "deliveries_silenced",
        "deliveries",
        ["silence_id", "number"],
        sqlite_where=sa.text("silence_id IS NOT NULL"),
    )
    op.create_index(
        "deliveries_unrecorded",
        "deliveries",
        ["number"],
        sqlite_where=sa.text("finished_date IS NOT NULL AND is_end_recorded IS 0"),
    )
