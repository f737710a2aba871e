"""Adds the first tables: catalog, metrics, keys, facts."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import INSTANT_TEXT, LONG_TEXT, WHOLE_NUMBER, short_text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "catalog",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", short_text(16), nullable=False),
        sa.Column("mnemonic", short_text(64), nullable=False),
        sa.Column("title", LONG_TEXT, nullable=False),
        sa.Column("description", LONG_TEXT),
        sa.Column("icon", LONG_TEXT),
        sa.Column("font_color_hex", short_text(7)),
        sa.Column("bg_color_hex", short_text(7)),
        sa.Column("is_system", sa.Boolean, nullable=False),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
        sa.Column("modified_date", INSTANT_TEXT, nullable=False),
    )
    op.create_index(
        "catalog_mnemonic", "catalog", ["kind", sa.text("lower(mnemonic)")], unique=True
    )
    op.create_table(
        "metrics",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("metric_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("name", LONG_TEXT, nullable=False),
        sa.Column("description", LONG_TEXT),
        sa.Column("resource_type_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column("action_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column("origin_id", sa.Uuid, sa.ForeignKey("catalog.id"), index=True),
        sa.Column("question", LONG_TEXT, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
        sa.Column("modified_date", INSTANT_TEXT, nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("key_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("name", LONG_TEXT, nullable=False),
        sa.Column("role", short_text(16), nullable=False),
        sa.Column("prefix", short_text(32), nullable=False),
        sa.Column("hash", short_text(64), nullable=False, unique=True),
        sa.Column("from_environment", sa.Boolean, nullable=False),
        sa.Column("created_date", INSTANT_TEXT, nullable=False),
    )
    op.create_table(
        "facts",
        sa.Column("name", LONG_TEXT, primary_key=True),
        sa.Column("value", LONG_TEXT, nullable=False),
    )
