"""The tables of channels, subscriptions, bundles, silences and deliveries."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Uuid,
    false,
)

from tocsin.store.column_types import LONG_TEXT, WHOLE_NUMBER, InstantColumn, short_text
from tocsin.store.tables import metadata

# The settings hold the channel's secrets in clear, because they have to be sent.
channels = Table(
    "channels",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("channel_id", Uuid, nullable=False, unique=True),
    Column("name", LONG_TEXT, nullable=False),
    Column("kind", short_text(16), nullable=False),
    Column("settings", LONG_TEXT, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", LONG_TEXT),
    Column("created_date", InstantColumn, nullable=False),
    Column("modified_date", InstantColumn, nullable=False),
    Column("resting_until", InstantColumn),
    Column("key", short_text(64)),
    Column("managed_by", short_text(64)),
)
Index("channels_key", channels.c.key, unique=True)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("subscription_id", Uuid, nullable=False, unique=True),
    Column("channel_id", Uuid, ForeignKey("channels.channel_id"), nullable=False, index=True),
    Column("resource_type_id", Uuid, ForeignKey("catalog.id"), nullable=False, index=True),
    Column("action_id", Uuid, ForeignKey("catalog.id"), nullable=False, index=True),
    Column("origin_id", Uuid, ForeignKey("catalog.id"), index=True),
    Column("title_template", LONG_TEXT),
    Column("body_template", LONG_TEXT),
    Column("enabled", Boolean, nullable=False),
    Column("created_date", InstantColumn, nullable=False),
    Column("modified_date", InstantColumn, nullable=False),
    Column("template_problem", LONG_TEXT),
    Column("grouping", LONG_TEXT),
    Column("filters", LONG_TEXT),
    Column("key", short_text(64)),
    Column("managed_by", short_text(64)),
)
Index("subscriptions_key", subscriptions.c.key, unique=True)

# A row for each key of a grouped subscription: the times of its open bundle, if any, and of its
# next reminder. The id is derived from subscription and key.
bundles = Table(
    "bundles",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("bundle_id", Uuid, nullable=False, unique=True),
    Column(
        "subscription_id",
        Uuid,
        ForeignKey("subscriptions.subscription_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("key", LONG_TEXT, nullable=False),
    Column("opened_at", InstantColumn),
    Column("closes_at", InstantColumn, index=True),
    Column("remind_at", InstantColumn, index=True),
    Column("closed_at", InstantColumn),
)

# The groups of alerts that fire or are held by an open bundle, once for each subscription. The id
# of a group is derived from its alert and the values of its dimensions.
bundle_groups = Table(
    "bundle_groups",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column(
        "bundle_id",
        Uuid,
        ForeignKey("bundles.bundle_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("subscription_id", Uuid, nullable=False),
    Column("alert_id", Uuid, nullable=False),
    Column("group_id", Uuid, nullable=False),
    Column("severity", short_text(16), nullable=False),
    Column("is_firing", Boolean, nullable=False),
    Column("is_held", Boolean, nullable=False),
    Column("has_fired", Boolean, nullable=False),
    Column("fired_id", Uuid),
    Column("recovered_id", Uuid),
    Column("silenced_by", Uuid),
)
Index(
    "bundle_groups_silenced",
    bundle_groups.c.silenced_by,
    sqlite_where=bundle_groups.c.silenced_by.is_not(None),
    postgresql_where=bundle_groups.c.silenced_by.is_not(None),
)
Index(
    "bundle_groups_group",
    bundle_groups.c.subscription_id,
    bundle_groups.c.alert_id,
    bundle_groups.c.group_id,
    unique=True,
)

# `to` of a silence that recurs is the end of its last possible window.
silences = Table(
    "silences",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("silence_id", Uuid, nullable=False, unique=True),
    Column("alert_id", Uuid),
    Column("labels", LONG_TEXT, nullable=False),
    Column("dimensions", LONG_TEXT, nullable=False),
    Column("start", InstantColumn, nullable=False),
    Column("to", InstantColumn, nullable=False),
    Column("author", LONG_TEXT),
    Column("reason", LONG_TEXT),
    Column("created_date", InstantColumn, nullable=False),
    Column("modified_date", InstantColumn, nullable=False),
    Column("severities", LONG_TEXT, nullable=False, server_default="[]"),
    Column("match_all", Boolean, nullable=False, server_default=false()),
    Column("recurs", LONG_TEXT),
    Column("key", short_text(64)),
    Column("managed_by", short_text(64)),
)
Index("silences_key", silences.c.key, unique=True)

# A delivery outlives its subscription, channel and silence, so it has no foreign key to them, and
# holds all data that its message is rendered from. `held_by` is the silence whose end a silenced
# delivery of a group that fires waits for.
deliveries = Table(
    "deliveries",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("delivery_id", Uuid, nullable=False, unique=True),
    Column("subscription_id", Uuid, nullable=False),
    Column("channel_id", Uuid, nullable=False),
    Column("interaction_id", Uuid, nullable=False),
    Column("snapshot", LONG_TEXT, nullable=False),
    Column("title_template", LONG_TEXT),
    Column("body_template", LONG_TEXT),
    Column("silence_id", Uuid),
    Column("status", short_text(16), nullable=False),
    Column("tries", WHOLE_NUMBER, nullable=False),
    Column("due", InstantColumn),
    Column("claimed_until", InstantColumn),
    Column("is_end_recorded", Boolean, nullable=False),
    Column("created_date", InstantColumn, nullable=False),
    Column("finished_date", InstantColumn),
    Column("skip_reason", LONG_TEXT),
    Column("held_by", Uuid),
)
Index("deliveries_due", deliveries.c.status, deliveries.c.channel_id, deliveries.c.due)
Index("deliveries_status", deliveries.c.status, deliveries.c.number)
Index("deliveries_channel", deliveries.c.channel_id, deliveries.c.number)
Index(
    "deliveries_silenced",
    deliveries.c.silence_id,
    deliveries.c.number,
    sqlite_where=deliveries.c.silence_id.is_not(None),
    postgresql_where=deliveries.c.silence_id.is_not(None),
)
Index(
    "deliveries_held",
    deliveries.c.held_by,
    deliveries.c.number,
    sqlite_where=deliveries.c.held_by.is_not(None),
    postgresql_where=deliveries.c.held_by.is_not(None),
)
_IS_END_UNRECORDED = deliveries.c.finished_date.is_not(None) & (
    deliveries.c.is_end_recorded.is_(False)
)
Index(
    "deliveries_unrecorded",
    deliveries.c.number,
    sqlite_where=_IS_END_UNRECORDED,
    postgresql_where=_IS_END_UNRECORDED,
)

attempts = Table(
    "attempts",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column(
        "delivery_id",
        Uuid,
        ForeignKey("deliveries.delivery_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("at", InstantColumn, nullable=False),
    Column("http_status", WHOLE_NUMBER),
    Column("error", LONG_TEXT),
    Column("duration_ms", WHOLE_NUMBER, nullable=False),
)

# A row for each channel that ever exceeded its limit. `start` is the time of the first and `untold`
# the number of the drops that no message has announced yet.
dropped_deliveries = Table(
    "dropped_deliveries",
    metadata,
    Column("channel_id", Uuid, primary_key=True),
    Column("total", WHOLE_NUMBER, nullable=False),
    Column("untold", WHOLE_NUMBER, nullable=False),
    Column("start", InstantColumn),
    Column("latest", InstantColumn, nullable=False),
)

# Drops of interactions that are not known to be recorded yet: 16 bytes for each delivery, and one
# row for each block and channel, so that a flood does not fill the file with its drops.
staged_drops = Table(
    "staged_drops",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("channel_id", Uuid, nullable=False),
    Column("interaction_ids", LargeBinary, nullable=False),
    Column("at", InstantColumn, nullable=False),
)
