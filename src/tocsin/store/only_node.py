"""Lets one node at a time use the servers of an installation.

Until nodes share an append log and elect a leader, a second one would assign the same numbers and
send the same notifications.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from tocsin.errors import InvalidSettings
from tocsin.store.advisory_locks import LOCK_CLASS, AdvisoryLock
from tocsin.store.database import Database


@contextmanager
def only_node(database: Database) -> Iterator[None]:
    """Hold the lock of the only node, which ends with its connection. Raises InvalidSettings."""
    lock = text(f"SELECT pg_try_advisory_lock({LOCK_CLASS}, {AdvisoryLock.ONLY_NODE.value})")
    with database.session() as connection:
        if not connection.execute(lock).scalar_one():
            raise InvalidSettings(
                "Another node of Tocsin uses these servers, and several nodes are not supported "
                "yet: stop the other one first"
            )
        yield
