"""Adds the first tables: catalog, metrics, keys, facts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "catalog",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("mnemonic", sa.String(64), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("icon", sa.Text),
        sa.Column("font_color_hex", sa.String(7)),
        sa.Column("bg_color_hex", sa.String(7)),
        sa.Column("is_system", sa.Boolean, nullable=False),
        sa.Column("created_date", sa.String(24), nullable=False),
        sa.Column("modified_date", sa.String(24), nullable=False),
    )
    op.create_index(
        "catalog_mnemonic", "catalog", ["kind", sa.text("lower(mnemonic)")], unique=True
    )
    op.create_table(
        "metrics",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("metric_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("resource_type_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column("action_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column("origin_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_date", sa.String(24), nullable=False),
        sa.Column("modified_date", sa.String(24), nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("key_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("prefix", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("from_environment", sa.Boolean, nullable=False),
        sa.Column("created_date", sa.String(24), nullable=False),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
