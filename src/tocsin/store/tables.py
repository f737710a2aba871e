"""The tables of the store at the newest revision, without those of notifications.

The migrations in `migrations/versions` create them; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Uuid,
    false,
    func,
)

from tocsin.store.column_types import JSON_KEY, LONG_TEXT, WHOLE_NUMBER, InstantColumn, short_text

metadata = MetaData()


catalog = Table(
    "catalog",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", short_text(16), nullable=False),
    Column("mnemonic", short_text(64), nullable=False),
    Column("title", LONG_TEXT, nullable=False),
    Column("description", LONG_TEXT),
    Column("icon", LONG_TEXT),
    Column("font_color_hex", short_text(7)),
    Column("bg_color_hex", short_text(7)),
    Column("is_system", Boolean, nullable=False),
    Column("created_date", InstantColumn, nullable=False),
    Column("modified_date", InstantColumn, nullable=False),
    Column("redact", LONG_TEXT),
)
Index("catalog_mnemonic", catalog.c.kind, func.lower(catalog.c.mnemonic), unique=True)

# The scope has columns of its own, so that the database itself refuses to delete an entry that a
# metric uses; everything else of the question is JSON.
metrics = Table(
    "metrics",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("metric_id", Uuid, nullable=False, unique=True),
    Column("name", LONG_TEXT, nullable=False),
    Column("description", LONG_TEXT),
    Column("resource_type_id", Uuid, ForeignKey("catalog.id"), index=True),
    Column("action_id", Uuid, ForeignKey("catalog.id"), index=True),
    Column("origin_id", Uuid, ForeignKey("catalog.id"), index=True),
    Column("question", LONG_TEXT, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_date", InstantColumn, nullable=False),
    Column("modified_date", InstantColumn, nullable=False),
    Column("expose", Boolean, nullable=False, server_default=false()),
    Column("key", short_text(64)),
    Column("managed_by", short_text(64)),
)
Index("metrics_key", metrics.c.key, unique=True)

keys = Table(
    "keys",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("key_id", Uuid, nullable=False, unique=True),
    Column("name", LONG_TEXT, nullable=False),
    Column("role", short_text(16), nullable=False),
    Column("prefix", short_text(32), nullable=False),
    Column("hash", short_text(64), nullable=False, unique=True),
    Column("from_environment", Boolean, nullable=False),
    Column("created_date", InstantColumn, nullable=False),
    Column("expires_date", InstantColumn),
    Column("former_secrets", LONG_TEXT),
    Column("used_date", InstantColumn),
)

# The hash is the SHA-256 of the token in the cookie.
sessions = Table(
    "sessions",
    metadata,
    Column("hash", short_text(64), primary_key=True),
    Column("session_id", Uuid, nullable=False, unique=True),
    Column(
        "key_id",
        Uuid,
        ForeignKey("keys.key_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("address", LONG_TEXT),
    Column("created_date", InstantColumn, nullable=False),
    Column("used_date", InstantColumn, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("name", LONG_TEXT, primary_key=True),
    Column("value", LONG_TEXT, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("alert_id", Uuid, nullable=False, unique=True),
    Column("title", LONG_TEXT, nullable=False),
    Column("metric_id", Uuid, ForeignKey("metrics.metric_id"), nullable=False, index=True),
    Column("alert_action_id", Uuid, ForeignKey("catalog.id"), nullable=False, index=True),
    Column("recovery_action_id", Uuid, ForeignKey("catalog.id"), index=True),
    Column("resource_type_id", Uuid, ForeignKey("catalog.id"), nullable=False, index=True),
    Column("definition", LONG_TEXT, nullable=False),
    Column("key", short_text(64)),
    Column("managed_by", short_text(64)),
)
Index("alerts_key", alerts.c.key, unique=True)

# The metrics of an alert's guards, so that the database itself refuses to delete one of them; the
# guards are in the alert's definition.
alert_guards = Table(
    "alert_guards",
    metadata,
    Column("alert_id", Uuid, ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True),
    Column("metric_id", Uuid, ForeignKey("metrics.metric_id"), primary_key=True, index=True),
)

# The channels of an alert, so that the database itself refuses to delete one of them; the alert's
# definition has them in their order.
alert_channels = Table(
    "alert_channels",
    metadata,
    Column("alert_id", Uuid, ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True),
    Column("channel_id", Uuid, ForeignKey("channels.channel_id"), primary_key=True, index=True),
)

# The part of an alert that changes at every evaluation, apart from the definition, so that little
# is written. A change of states increments `version`: a result of an older version is discarded.
evaluations = Table(
    "evaluations",
    metadata,
    Column("alert_id", Uuid, ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True),
    Column("version", WHOLE_NUMBER, nullable=False),
    Column("slot", InstantColumn, nullable=False),
    Column("evaluated_at", InstantColumn),
    Column("error", LONG_TEXT),
    Column("elapsed_ms", Float),
)

# Groups that are pending or firing, and groups that are OK if a rule for missing data needs them.
alert_states = Table(
    "alert_states",
    metadata,
    Column("alert_id", Uuid, ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True),
    Column("group_key", JSON_KEY, primary_key=True),
    Column("dimensions", LONG_TEXT, nullable=False),
    Column("status", short_text(8), nullable=False),
    Column("since", InstantColumn, nullable=False),
    Column("clear_since", InstantColumn),
    Column("value", LONG_TEXT, nullable=False),
)

# Both history and outbox: the interaction of a row that is not recorded has yet to be appended. A
# row outlives its alert, so it refers to nothing and holds the definitions that it was decided by.
transitions = Table(
    "transitions",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("transition_id", Uuid, nullable=False, unique=True),
    Column("alert_id", Uuid, nullable=False),
    Column("at", InstantColumn, nullable=False),
    Column("status", short_text(8), nullable=False),
    Column("reason", short_text(16), nullable=False),
    Column("value", LONG_TEXT, nullable=False),
    Column("dimensions", LONG_TEXT, nullable=False),
    Column("fired_at", InstantColumn, nullable=False),
    Column("alert", LONG_TEXT, nullable=False),
    Column("metric", LONG_TEXT, nullable=False),
    Column("is_recorded", Boolean, nullable=False),
    Column("sides", LONG_TEXT),
    Column("guards", LONG_TEXT),
    Column("group_hash", short_text(32)),
)
Index("transitions_at", transitions.c.at, transitions.c.number)
Index("transitions_alert", transitions.c.alert_id, transitions.c.at, transitions.c.number)
Index("transitions_group", transitions.c.alert_id, transitions.c.group_hash, transitions.c.at)
Index(
    "transitions_unrecorded",
    transitions.c.number,
    sqlite_where=transitions.c.is_recorded == false(),
    postgresql_where=transitions.c.is_recorded.is_(False),
)

# A row is written in the transaction of its change. It outlives its key and its subject, so it
# refers to nothing.
audit = Table(
    "audit",
    metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("at", InstantColumn, nullable=False),
    Column("key_id", Uuid),
    Column("key_name", LONG_TEXT),
    Column("action", short_text(16), nullable=False),
    Column("kind", short_text(16), nullable=False),
    Column("subject_id", Uuid),
    Column("name", LONG_TEXT),
    Column("before", LONG_TEXT),
    Column("after", LONG_TEXT),
    Column("changed", LONG_TEXT),
)
Index("audit_at", audit.c.at, audit.c.number)
Index("audit_subject", audit.c.subject_id, audit.c.at, audit.c.number)
