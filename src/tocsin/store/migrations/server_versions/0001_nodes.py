"""Adds the tables by which several nodes agree."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT, WHOLE_NUMBER

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("number", WHOLE_NUMBER, primary_key=True),
        sa.Column("node", LONG_TEXT, nullable=False, unique=True),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "revisions",
        sa.Column("name", LONG_TEXT, primary_key=True),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
    )
    op.create_table(
        "leaders",
        sa.Column("epoch", WHOLE_NUMBER, primary_key=True),
        sa.Column("node", LONG_TEXT, nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("has_ended", sa.Boolean, nullable=False),
    )
