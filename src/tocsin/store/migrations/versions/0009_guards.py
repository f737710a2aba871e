"""Adds the metrics of the guards of alerts, and the values of guards to transitions."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    alert = sa.ForeignKey("alerts.alert_id", ondelete="CASCADE")
    metric = sa.ForeignKey("metrics.metric_id")
    op.create_table(
        "alert_guards",
        sa.Column("alert_id", sa.Uuid, alert, primary_key=True),
        sa.Column("metric_id", sa.Uuid, metric, primary_key=True),
    )
    op.create_index("ix_alert_guards_metric_id", "alert_guards", ["metric_id"])
    op.add_column("transitions", sa.Column("guards", LONG_TEXT))
