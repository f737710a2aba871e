"""Single values by name, such as high-water marks."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from tocsin.store.database import Database
from tocsin.store.tables import facts


class KeyValueStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> str | None:
        with self._database.reading() as connection:
            return connection.execute(
                select(facts.c.value).where(facts.c.name == name)
            ).scalar_one_or_none()

    def set(self, name: str, value: str) -> None:
        """The value is on disk when this returns."""
        row = insert(facts).values(name=name, value=value)
        with self._database.writing() as connection:
            connection.execute(row.on_conflict_do_update(["name"], set_={"value": value}))
