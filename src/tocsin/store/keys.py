"""Keys by their secrets, which are kept as hashes and looked up in memory.

A secret that is made here has 192 random bits, so SHA-256 is as good as a slow hash. One that the
environment gives may be a word: the store holds its scrypt hash, which is computed once at the
start, so that a copy of the store does not give it away. In memory both are looked up by SHA-256,
and a request costs microseconds.
"""

from __future__ import annotations

import secrets
import threading
from datetime import datetime
from hashlib import scrypt, sha256
from hmac import compare_digest
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Delete, Insert, RowMapping, delete, insert, or_, select

from tocsin.errors import Conflict, NotFound
from tocsin.model.instant import cut
from tocsin.model.key import Key, Role
from tocsin.store.database import Database
from tocsin.store.tables import keys

ENVIRONMENT = "TOCSIN_ADMIN_KEY"
# Costs 16 MiB and a fifth of a second.
_SCRYPT = {"n": 2**14, "r": 8, "p": 5}


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._changing = threading.Lock()
        self._keys: list[Key] = []
        self._by_hash: dict[str, Key] = {}
        # SHA-256 of the environment's secret, once it was adopted.
        self._given: str | None = None
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

    def revoke(self, id: UUID) -> Key:
        """Answers the key that was revoked. Raises NotFound, or Conflict for the key that the
        environment gives and for the last one with the role admin."""
        with self._changing:
            key = self.find(id)
            if key is None:
                raise NotFound("There is no key with this id")
            if key.from_environment:
                raise Conflict(
                    f"This key comes from {ENVIRONMENT}: change or unset that, then restart Tocsin"
                )
            if [one for one in self._keys if one.role is Role.ADMIN] == [key]:
                raise Conflict(
                    "This is the last key with the role admin, and without one nobody could manage "
                    "Tocsin: create another one first"
                )
            self._apply(delete(keys).where(keys.c.key_id == id))
            return key

    def adopt(self, secret: str | None, at: datetime) -> None:
        """Make the environment's secret an admin key, in place of the one that it gave before.

        None, where the environment gives none, only removes the former one.
        """
        with self._changing:
            former = self._environment_hash()
            self._given = None if secret is None else _hash(secret)
            if (secret is None and former is None) or (
                secret is not None and former is not None and _is_of(secret, former)
            ):
                self._load()
                return
            # The same secret may have been made here, with another role perhaps.
            deletion = delete(keys).where(or_(keys.c.from_environment, keys.c.hash == self._given))
            if secret is None:
                self._apply(deletion)
                return
            key = Key(
                key_id=uuid4(),
                name=ENVIRONMENT,
                role=Role.ADMIN,
                # None of it is shown: it may be short.
                prefix="",
                from_environment=True,
                created_date=cut(at),
            )
            row = {**_row(key, secret), "hash": _slow_hash(secret, secrets.token_bytes(16))}
            self._apply(deletion, insert(keys).values(row))

    def _environment_hash(self) -> str | None:
        with self._database.reading() as connection:
            return connection.execute(
                select(keys.c.hash).where(keys.c.from_environment)
            ).scalar_one_or_none()

    def _apply(self, *statements: Delete | Insert) -> None:
        with self._database.writing() as connection:
            for statement in statements:
                connection.execute(statement)
        self._load()

    def _load(self) -> None:
        with self._database.reading() as connection:
            rows = connection.execute(select(keys).order_by(keys.c.number)).mappings().all()
        by_hash = {self._given if row["from_environment"] else row["hash"]: row for row in rows}
        self._by_hash = {hashed: _key(row) for hashed, row in by_hash.items() if hashed}
        self._keys = [_key(row) for row in rows]


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _slow_hash(secret: str, salt: bytes) -> str:
    return f"{salt.hex()}{scrypt(secret.encode(), salt=salt, dklen=16, **_SCRYPT).hex()}"


def _is_of(secret: str, stored: str) -> bool:
    """Whether a stored hash of the environment's key is that of a secret."""
    salt = bytes.fromhex(stored[:32])
    return compare_digest(_slow_hash(secret, salt), stored)


def _row(key: Key, secret: str) -> dict[str, Any]:
    return {**key.model_dump(), "role": key.role.value, "hash": _hash(secret)}


def _key(row: RowMapping) -> Key:
    return Key(**{member: row[member] for member in Key.model_fields})
