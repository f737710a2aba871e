"""The last use of each key, to the minute.

A use changes memory only, so that a request writes nothing and takes no lock. `save` writes the
uses of the past minute. The column is not read into the memory of other nodes, so a write causes
none of them to read the keys again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, or_, select, update

from tocsin.store.database import Database
from tocsin.store.tables import keys


class KeyUses:
    """Any number of threads may use the object."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[UUID, datetime] = {}
        self._saved: dict[UUID, datetime] = {}

    def note(self, key_id: UUID, at: datetime) -> None:
        """The key is used now."""
        self._used[key_id] = at

    def all(self) -> dict[UUID, datetime]:
        """The last use of each key that was used: those that are stored, and those of this node."""
        query = select(keys.c.key_id, keys.c.used_date).where(keys.c.used_date.is_not(None))
        stored: dict[UUID, datetime] = {
            row.key_id: row.used_date for row in self._database.read_rows(query)
        }
        return _latest(stored, self._minutes())

    def save(self) -> None:
        """Write the uses since the last call, at most one for each key and minute."""
        minutes = self._minutes()
        due = [
            {"key": id, "used": minute}
            for id, minute in minutes.items()
            if self._saved.get(id) != minute
        ]
        if not due:
            return
        used = bindparam("used", type_=keys.c.used_date.type)
        # Another node may have seen a later use. A revoked key has no row.
        is_older = or_(keys.c.used_date.is_(None), keys.c.used_date < used)
        statement = update(keys).where(keys.c.key_id == bindparam("key"), is_older)
        with self._database.writing() as connection:
            connection.execute(statement.values(used_date=used), due)
        self._saved = minutes

    def _minutes(self) -> dict[UUID, datetime]:
        # A copy in one step, because other threads add keys.
        return {id: at.replace(second=0, microsecond=0) for id, at in dict(self._used).items()}


def _latest(stored: Mapping[UUID, datetime], here: Mapping[UUID, datetime]) -> dict[UUID, datetime]:
    return {
        id: max(at for at in (stored.get(id), here.get(id)) if at is not None)
        for id in stored.keys() | here.keys()
    }
