"""Adds notifications: channels, subscriptions, silences, deliveries, attempts."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT, WHOLE_NUMBER, short_text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "channels",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("channel_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("name", LONG_TEXT, nullable=False),
        sa.Column("kind", short_text(16), nullable=False),
        sa.Column("settings", LONG_TEXT, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("disabled_reason", LONG_TEXT),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
        sa.Column("modified_date", INSTANT_TEXT, nullable=False),
    )
    op.create_table(
        "subscriptions",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
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
        sa.Column("title_template", LONG_TEXT),
        sa.Column("body_template", LONG_TEXT),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
        sa.Column("modified_date", INSTANT_TEXT, nullable=False),
    )
    op.create_table(
        "silences",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("silence_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("alert_id", sa.Uuid),
        sa.Column("labels", LONG_TEXT, nullable=False),
        sa.Column("dimensions", LONG_TEXT, nullable=False),
        sa.Column("start", INSTANT_TEXT, nullable=False),
        sa.Column("to", INSTANT_TEXT, nullable=False),
        sa.Column("author", LONG_TEXT),
        sa.Column("reason", LONG_TEXT),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
        sa.Column("modified_date", INSTANT_TEXT, nullable=False),
    )
    _create_deliveries()
    op.create_table(
        "attempts",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column(
            "delivery_id",
            sa.Uuid,
            sa.ForeignKey("deliveries.delivery_id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("at", INSTANT_TEXT, nullable=False),
        sa.Column("http_status", WHOLE_NUMBER),
        sa.Column("error", LONG_TEXT),
        sa.Column("duration_ms", WHOLE_NUMBER, nullable=False),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("delivery_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("subscription_id", sa.Uuid, nullable=False),
        sa.Column("channel_id", sa.Uuid, nullable=False),
        sa.Column("interaction_id", sa.Uuid, nullable=False),
        sa.Column("snapshot", LONG_TEXT, nullable=False),
        sa.Column("title_template", LONG_TEXT),
        sa.Column("body_template", LONG_TEXT),
        sa.Column("silence_id", sa.Uuid),
        sa.Column("status", short_text(16), nullable=False),
        sa.Column("tries", WHOLE_NUMBER, nullable=False),
        sa.Column("due", INSTANT_TEXT),
        sa.Column("claimed_until", INSTANT_TEXT),
        sa.Column("is_end_recorded", sa.Boolean, nullable=False),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
        sa.Column("finished_date", INSTANT_TEXT),
    )
    op.create_index("deliveries_due", "deliveries", ["status", "channel_id", "due"])
    op.create_index("deliveries_status", "deliveries", ["status", "number"])
    op.create_index("deliveries_channel", "deliveries", ["channel_id", "number"])
    op.create_index(
        "deliveries_silenced",
        "deliveries",
        ["silence_id", "number"],
        sqlite_where=sa.text("silence_id IS NOT NULL"),
        postgresql_where=sa.text("silence_id IS NOT NULL"),
    )
    op.create_index(
        "deliveries_unrecorded",
        "deliveries",
        ["number"],
        sqlite_where=sa.text("finished_date IS NOT NULL AND is_end_recorded IS 0"),
        postgresql_where=sa.text("finished_date IS NOT NULL AND is_end_recorded IS false"),
    )
