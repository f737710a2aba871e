"""The tables that only several nodes need, at the newest revision; they exist on PostgreSQL only.

The migrations in `migrations/server_versions` create them; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Table,
    func,
    text,
)

from tocsin.store.column_types import LONG_TEXT, WHOLE_NUMBER

server_metadata = MetaData()

# The keys of locks are numbers; the ids of nodes are texts.
nodes = Table(
    "nodes",
    server_metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("node", LONG_TEXT, nullable=False, unique=True),
    Column("seen", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# Each change of a table that nodes hold in memory increments its revision.
revisions = Table(
    "revisions",
    server_metadata,
    Column("name", LONG_TEXT, primary_key=True),
    Column("revision", WHOLE_NUMBER, nullable=False),
)

# A row for each election; the newest one is the leader.
leaders = Table(
    "leaders",
    server_metadata,
    Column("epoch", WHOLE_NUMBER, primary_key=True),
    Column("node", LONG_TEXT, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("has_ended", Boolean, nullable=False),
)

# The log of appends: model/interactions/appends.py. Ids have 16 bytes each, joined.
appends = Table(
    "appends",
    server_metadata,
    Column("number", WHOLE_NUMBER, primary_key=True, autoincrement=False),
    Column("previous", WHOLE_NUMBER, nullable=False),
    Column("count", WHOLE_NUMBER, nullable=False),
    Column("node", LONG_TEXT, nullable=False),
    Column("kind", LONG_TEXT, nullable=False),
    Column("state", LONG_TEXT, nullable=False),
    Column("news", LargeBinary, nullable=False),
    Column("ids", LargeBinary, nullable=False),
    Column("seed", LargeBinary, nullable=False),
    Column("generated", WHOLE_NUMBER, nullable=False),
    Column("staged", LargeBinary, nullable=False),
    Column(
        "begun_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.clock_timestamp(),
    ),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", LONG_TEXT),
    Index("appends_unended", "number", postgresql_where=text("state <> 'ended'")),
)
