"""Adds erasures and the ids of erased interactions."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT, WHOLE_NUMBER, InstantColumn, short_text

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("erasure_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("kind", short_text(16), nullable=False),
        sa.Column("resource_type_id", sa.Uuid),
        sa.Column("subject", LONG_TEXT),
        sa.Column("digest", short_text(64), nullable=False),
        sa.Column("upto", WHOLE_NUMBER, nullable=False),
        sa.Column("state", short_text(16), nullable=False),
        sa.Column("matched", LONG_TEXT, nullable=False),
        sa.Column("erased", LONG_TEXT, nullable=False),
        sa.Column("is_counted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("problem", LONG_TEXT),
        sa.Column("requested_date", InstantColumn, nullable=False),
        sa.Column("finished_date", InstantColumn),
    )
    op.create_table(
        "erased_ids",
        sa.Column("hash", short_text(32), primary_key=True),
        sa.Column("erasure_id", sa.Uuid, nullable=False),
    )
    op.create_index("ix_erased_ids_erasure_id", "erased_ids", ["erasure_id"])
