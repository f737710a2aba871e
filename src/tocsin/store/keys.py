"""Whose request is this? Secrets are kept as SHA-256 and looked up in memory.

A secret has 192 random bits, so a plain hash is as good as a slow one, and a request costs
microseconds.
"""

from __future__ import annotations

import secrets
import threading
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Delete, Insert, RowMapping, delete, insert, or_, select

from tocsin.errors import Conflict, NotFound
from tocsin.model.instant import cut
from tocsin.model.key import Key, Role
from tocsin.store.database import Database
from tocsin.store.tables import keys

ENVIRONMENT = "TOCSIN_ADMIN_KEY"
_PREFIX = 12


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._changing = threading.Lock()
        self._keys: list[Key] = []
        self._by_hash: dict[str, Key] = {}
        self._from_environment: str | None = None
        self._load()

    def all(self) -> list[Key]:
        """All keys, the first made first."""
        return list(self._keys)

    def has_admin(self) -> bool:
        return any(key.role is Role.ADMIN for key in self._keys)

    def authenticate(self, secret: str) -> Role | None:
        """The role of the key with this secret; reads memory only."""
        key = self.identify(secret)
        return key.role if key else None

    def identify(self, secret: str) -> Key | None:
        """The key with this secret; reads memory only."""
        return self._by_hash.get(_hash(secret))

    def find(self, id: UUID) -> Key | None:
        """The key with this id, unless it was revoked; reads memory only."""
        return next((key for key in self._keys if key.key_id == id), None)

    def create(self, name: str, role: Role, at: datetime) -> tuple[Key, str]:
        """A new key and its secret, which is not kept and cannot be asked for again."""
        visible = f"tsn_{role}_{secrets.token_hex(2)}"
        secret = visible + secrets.token_hex(24)
        key = Key(key_id=uuid4(), name=name, role=role, prefix=visible, created_date=cut(at))
        with self._changing:
            self._apply(insert(keys).values(_row(key, secret)))
        return key, secret

    def revoke(self, id: UUID) -> None:
        """Raises NotFound, or Conflict for the key that the environment gives."""
        with self._changing:
            key = self.find(id)
            if key is None:
                raise NotFound("There is no key with this id")
            if key.from_environment:
                raise Conflict(
                    f"This key comes from {ENVIRONMENT}: change or unset that, then restart Tocsin"
                )
            self._apply(delete(keys).where(keys.c.key_id == id))

    def adopt(self, secret: str | None, at: datetime) -> None:
        """Make the environment's secret an admin key, in place of the one that it gave before.

        None, where the environment gives none, only removes the former one.
        """
        with self._changing:
            given = None if secret is None else _hash(secret)
            if given == self._from_environment:
                return
            # The same secret may have been made here, with another role perhaps.
            former = delete(keys).where(or_(keys.c.from_environment, keys.c.hash == given))
            if secret is None:
                self._apply(former)
                return
            key = Key(
                key_id=uuid4(),
                name=ENVIRONMENT,
                role=Role.ADMIN,
                prefix=secret[: min(_PREFIX, len(secret) // 4)],
                from_environment=True,
                created_date=cut(at),
            )
            self._apply(former, insert(keys).values(_row(key, secret)))

    def _apply(self, *statements: Delete | Insert) -> None:
        with self._database.writing() as connection:
            for statement in statements:
                connection.execute(statement)
        self._load()

    def _load(self) -> None:
        with self._database.reading() as connection:
            rows = connection.execute(select(keys).order_by(keys.c.number)).mappings().all()
        self._by_hash = {row["hash"]: _key(row) for row in rows}
        self._keys = list(self._by_hash.values())
        self._from_environment = next(
            (row["hash"] for row in rows if row["from_environment"]), None
        )


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _row(key: Key, secret: str) -> dict[str, Any]:
    return {**key.model_dump(), "role": key.role.value, "hash": _hash(secret)}


def _key(row: RowMapping) -> Key:
    return Key(**{member: row[member] for member in Key.model_fields})
