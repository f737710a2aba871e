"""Whose request is this? Secrets are kept as SHA-256 and looked up in memory.

A secret has 192 random bits, so a plain hash is as good as a slow one, and a request costs
microseconds.
"""

from __future__ import annotations

import secrets
import threading
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid4

from sqlalchemy import Connection, RowMapping, delete, insert, or_, select

from tocsin.errors import Conflict, NotFound
from tocsin.model.instant import to_milliseconds
from tocsin.model.key import Key, Role
from tocsin.store.database import Database
from tocsin.store.tables import keys

ENVIRONMENT = "TOCSIN_ADMIN_KEY"


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._changing = threading.Lock()
        self._keys: list[Key] = []
        self._roles: dict[str, Role] = {}
        with database.reading() as connection:
            self._load(connection)

    def all(self) -> list[Key]:
        """All keys, the first made first."""
        return list(self._keys)

    def has_admin(self) -> bool:
        return any(key.role is Role.ADMIN for key in self._keys)

    def authenticate(self, secret: str) -> Role | None:
        """The role of the key with this secret; reads memory only."""
        return self._roles.get(_hash(secret))

    def create(self, name: str, role: Role, at: datetime) -> tuple[Key, str]:
        """A new key and its secret, which is not kept and cannot be asked for again."""
        visible = f"tsn_{role}_{secrets.token_hex(3)}"
        secret = visible + secrets.token_hex(24)
        key = Key(
            key_id=uuid4(), name=name, role=role, prefix=visible, created_date=to_milliseconds(at)
        )
        with self._changing, self._database.writing() as connection:
            _insert(connection, key, secret)
            self._load(connection)
        return key, secret

    def revoke(self, id: UUID) -> None:
        """Raises NotFound, or Conflict for the key that the environment gives."""
        with self._changing:
            key = next((key for key in self._keys if key.key_id == id), None)
            if key is None:
                raise NotFound("There is no key with this id")
            if key.from_environment:
                raise Conflict(
                    f"This key comes from {ENVIRONMENT}: change or unset that and start again"
                )
            with self._database.writing() as connection:
                connection.execute(delete(keys).where(keys.c.key_id == id))
                self._load(connection)

    def adopt(self, secret: str | None, at: datetime) -> None:
        """Make the environment's secret an admin key, in place of any that it gave before.

        None, where the environment gives none, removes the former one.
        """
        with self._changing, self._database.writing() as connection:
            given = secret and _hash(secret)
            if given and self._roles.get(given) is Role.ADMIN and self._environment_gave(given):
                return
