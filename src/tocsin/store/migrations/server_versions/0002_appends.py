"""Adds the log in which nodes begin and end their appends."""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import LONG_TEXT, WHOLE_NUMBER

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "appends",
        sa.Column("number", WHOLE_NUMBER, primary_key=True, autoincrement=False),
        sa.Column("previous", WHOLE_NUMBER, nullable=False),
        sa.Column("count", WHOLE_NUMBER, nullable=False),
        sa.Column("node", LONG_TEXT, nullable=False),
        sa.Column("kind", LONG_TEXT, nullable=False),
        sa.Column("state", LONG_TEXT, nullable=False),
        sa.Column("news", sa.LargeBinary, nullable=False),
        sa.Column("ids", sa.LargeBinary, nullable=False),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("generated", WHOLE_NUMBER, nullable=False),
        sa.Column("staged", sa.LargeBinary, nullable=False),
        sa.Column(
            "begun_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.clock_timestamp(),
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", LONG_TEXT),
    )
    op.create_index(
        "appends_unended", "appends", ["number"], postgresql_where=sa.text("state <> 'ended'")
    )
