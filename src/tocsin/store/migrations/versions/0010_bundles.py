"""Adds the grouping of subscriptions, their bundles, and the groups in them."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT, WHOLE_NUMBER, InstantColumn, short_text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("grouping", LONG_TEXT))
    subscription = sa.ForeignKey("subscriptions.subscription_id", ondelete="CASCADE")
    op.create_table(
        "bundles",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("bundle_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("subscription_id", sa.Uuid, subscription, nullable=False),
        sa.Column("key", LONG_TEXT, nullable=False),
        sa.Column("opened_at", InstantColumn),
        sa.Column("closes_at", InstantColumn),
        sa.Column("remind_at", InstantColumn),
        sa.Column("closed_at", InstantColumn),
    )
    for column in ("subscription_id", "closes_at", "remind_at"):
        op.create_index(f"ix_bundles_{column}", "bundles", [column])
    bundle = sa.ForeignKey("bundles.bundle_id", ondelete="CASCADE")
    op.create_table(
        "bundle_groups",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("bundle_id", sa.Uuid, bundle, nullable=False),
        sa.Column("subscription_id", sa.Uuid, nullable=False),
        sa.Column("alert_id", sa.Uuid, nullable=False),
        sa.Column("group_id", sa.Uuid, nullable=False),
        sa.Column("severity", short_text(16), nullable=False),
        sa.Column("is_firing", sa.Boolean, nullable=False),
        sa.Column("is_held", sa.Boolean, nullable=False),
        sa.Column("has_fired", sa.Boolean, nullable=False),
        sa.Column("fired_id", sa.Uuid),
        sa.Column("recovered_id", sa.Uuid),
        sa.Column("silenced_by", sa.Uuid),
    )
    is_silenced = sa.text("silenced_by IS NOT NULL")
    op.create_index(
        "bundle_groups_silenced",
        "bundle_groups",
        ["silenced_by"],
        sqlite_where=is_silenced,
        postgresql_where=is_silenced,
    )
    op.create_index("ix_bundle_groups_bundle_id", "bundle_groups", ["bundle_id"])
    columns = ["subscription_id", "alert_id", "group_id"]
    op.create_index("bundle_groups_group", "bundle_groups", columns, unique=True)
