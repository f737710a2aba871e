"""The advisory locks of PostgreSQL that Tocsin takes, so that no two uses share a key."""

from __future__ import annotations

from enum import IntEnum

LOCK_CLASS = 0x746F6373
"""The first of the two numbers of each key, which keeps them apart from those of others."""

NODE_LOCK_CLASS = 0x746F6E64
"""The first of the two numbers of each lock of a node; the second is the number of the node."""

LEADER_LOCK_CLASS = 0x746F6C65
"""That of the locks that nodes hold from the time at which they become the leader to their end."""


class AdvisoryLock(IntEnum):
    """The second number of the key."""

    WRITING = 1
    """Held by each transaction that changes the store."""
    MIGRATING = 2
    """Held while the schema is changed."""
    LEADER = 3
    """Held by the leader for as long as it leads."""
    APPENDING = 4
    """Held while the numbers of an append are assigned."""
    MIGRATING_CLICKHOUSE = 5
    """Held while the tables of ClickHouse are changed."""


def lock_for_transaction(lock: AdvisoryLock) -> str:
    """The statement that waits for a lock, and holds it until the transaction ends."""
    return f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, {lock.value})"


def lock_for_session(lock: AdvisoryLock) -> str:
    """The statement that waits for a lock, and holds it until the session ends."""
    return f"SELECT pg_advisory_lock({LOCK_CLASS}, {lock.value})"
