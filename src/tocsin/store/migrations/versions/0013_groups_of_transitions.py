"""Adds the hash of the group of a transition, by which an index finds the transitions of a group.

Older rows have none: their groups are compared by their dimensions.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.store.column_types import short_text

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("transitions", sa.Column("group_hash", short_text(32)))
    op.create_index("transitions_group", "transitions", ["alert_id", "group_hash", "at"])
