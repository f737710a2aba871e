"""Adds the tables by which several nodes agree."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    pass
