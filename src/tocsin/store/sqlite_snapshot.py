"""A copy of the SQLite file of a store as of one instant, while others write to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tocsin.store.sqlite import to_error


class StoreSnapshot:
    """The store as of the construction. Until it is closed, the journal of the store grows by all
    that is written."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable."""
        with _translating():
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # A transaction sees the state of its first query.
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master")

    def copy_to(self, path: Path) -> None:
        """Write the state into a new file. Raises Unavailable."""
        with _translating(), closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise to_error(error) from error
