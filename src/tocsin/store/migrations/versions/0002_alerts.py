"""Adds alerts: definitions, evaluations, states of groups, transitions."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT, WHOLE_NUMBER, short_text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _create_alerts()
    _create_states()
    _create_transitions()


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("alert_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("title", LONG_TEXT, nullable=False),
        sa.Column(
            "metric_id", sa.Uuid, sa.ForeignKey("metrics.metric_id"), nullable=False, index=True
        ),
        sa.Column(
            "alert_action_id", sa.Uuid, sa.ForeignKey("catalog.id"), nullable=False, index=True
        ),
        sa.Column("recovery_action_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column(
            "resource_type_id", sa.Uuid, sa.ForeignKey("catalog.id"), nullable=False, index=True
        ),
        sa.Column("definition", LONG_TEXT, nullable=False),
    )


def _create_states() -> None:
    op.create_table(
        "evaluations",
        _alert_id(),
        sa.Column("version", WHOLE_NUMBER, nullable=False),
        sa.Column("slot", INSTANT_TEXT, nullable=False),
        sa.Column("evaluated_at", INSTANT_TEXT),
        sa.Column("error", LONG_TEXT),
        sa.Column("elapsed_ms", sa.Float),
    )
    op.create_table(
        "alert_states",
        _alert_id(),
        sa.Column("group_key", LONG_TEXT, primary_key=True),
        sa.Column("dimensions", LONG_TEXT, nullable=False),
        sa.Column("status", short_text(8), nullable=False),
        sa.Column("since", INSTANT_TEXT, nullable=False),
        sa.Column("clear_since", INSTANT_TEXT),
        sa.Column("value", LONG_TEXT, nullable=False),
    )


def _alert_id() -> sa.Column[str]:
    reference = sa.ForeignKey("alerts.alert_id", ondelete="CASCADE")
    return sa.Column("alert_id", sa.Uuid, reference, primary_key=True)


def _create_transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("transition_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("alert_id", sa.Uuid, nullable=False),
        sa.Column("at", INSTANT_TEXT, nullable=False),
        sa.Column("status", short_text(8), nullable=False),
        sa.Column("reason", short_text(16), nullable=False),
        sa.Column("value", LONG_TEXT, nullable=False),
        sa.Column("dimensions", LONG_TEXT, nullable=False),
        sa.Column("fired_at", INSTANT_TEXT, nullable=False),
        sa.Column("alert", LONG_TEXT, nullable=False),
        sa.Column("metric", LONG_TEXT, nullable=False),
        sa.Column("is_recorded", sa.Boolean, nullable=False),
    )
    op.create_index("transitions_at", "transitions", ["at", "number"])
    op.create_index("transitions_alert", "transitions", ["alert_id", "at", "number"])
    op.create_index(
        "transitions_unrecorded",
        "transitions",
        ["number"],
        sqlite_where=sa.text("is_recorded = 0"),
        postgresql_where=sa.text("is_recorded IS false"),
    )
