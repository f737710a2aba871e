"""The id of the installation that a PostgreSQL database belongs to."""

from __future__ import annotations

from contextlib import closing

from tocsin.store.database import FOLDER_ID, Database
from tocsin.store.key_value import KeyValueStore


def stored_installation_id(url: str) -> str | None:
    """The id, None before `tocsin migrate`. Raises InvalidSettings or Unavailable."""
    with closing(Database(url)) as database:
        return KeyValueStore(database).get(FOLDER_ID)
