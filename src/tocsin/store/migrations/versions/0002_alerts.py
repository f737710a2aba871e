"""Adds alerts: definitions, evaluations, states of groups, transitions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _create_alerts()
    _create_states()
    _create_transitions()


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("alert_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
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
        sa.Column("definition", sa.Text, nullable=False),
    )


def _create_states() -> None:
    op.create_table(
        "evaluations",
        _alert_id(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("slot", sa.String(24), nullable=False),
        sa.Column("evaluated_at", sa.String(24)),
        sa.Column("error", sa.Text),
        sa.Column("elapsed_ms", sa.Float),
    )
    op.create_table(
        "alert_states",
        _alert_id(),
        sa.Column("group_key", sa.Text, primary_key=True),
        sa.Column("dimensions", sa.Text, nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("since", sa.String(24), nullable=False),
        sa.Column("clear_since", sa.String(24)),
        sa.Column("value", sa.Text, nullable=False),
    )


def _alert_id() -> sa.Column[str]:
    reference = sa.ForeignKey("alerts.alert_id", ondelete="CASCADE")
    return sa.Column("alert_id", sa.Uuid, reference, primary_key=True)


def _create_transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("transition_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("alert_id", sa.Uuid, nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("dimensions", sa.Text, nullable=False),
        sa.Column("fired_at", sa.String(24), nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("is_recorded", sa.Boolean, nullable=False),
    )
    op.create_index("transitions_at", "transitions", ["at", "number"])
    op.create_index("transitions_alert", "transitions", ["alert_id", "at", "number"])
    op.create_index(
        "transitions_unrecorded",
        "transitions",
        ["number"],
        sqlite_where=sa.text("is_recorded = 0"),
    )
