"""Single values by name, such as high-water marks."""

from __future__ import annotations

from sqlalchemy import Select, select

from tocsin.store.database import Database
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.tables import facts
from tocsin.store.upsert import insert_ignoring, upsert


class KeyValueStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> str | None:
        with self._database.reading() as connection:
            return connection.execute(_value(name)).scalar_one_or_none()

    def set(self, name: str, value: str, fence: Fence = NO_FENCE) -> None:
        """The value is on disk when this returns. With a fence, raises Deposed unless this node is
        the leader."""
        row = {"name": name, "value": value}
        with self._database.writing() as connection:
            fence.check(connection)
            upsert(connection, facts, row, key=["name"], changes=lambda new: {"value": new.value})

    def set_first(self, name: str, value: str) -> str:
        """Set a value unless one is set already; returns the value that is set from then on."""
        with self._database.writing() as connection:
            insert_ignoring(connection, facts, {"name": name, "value": value}, key=["name"])
            return str(connection.execute(_value(name)).scalar_one())


def _value(name: str) -> Select[str]:
    return select(facts.c.value).where(facts.c.name == name)
