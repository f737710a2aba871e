"""Adds the choice of metrics whose values Prometheus reads."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column(
        "metrics", sa.Column("expose", sa.Boolean, nullable=False, server_default=sa.false())
    )
