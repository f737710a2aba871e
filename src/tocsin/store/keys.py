"""API keys by the hashes of their secrets, read from memory.

A secret that Tocsin generates has 192 random bits, so SHA-256 is as good as a slow hash. A secret
from the environment may be a word: the store holds its scrypt hash, which is computed once at the
start, so that a copy of the store does not reveal it. In memory both are looked up by SHA-256, and
a request costs microseconds.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import scrypt, sha256
from hmac import compare_digest
from uuid import UUID, uuid4

from tocsin.errors import Conflict
from tocsin.model.instant import cut
from tocsin.model.key import Key, Role
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.store.cached_table import CachedTable
from tocsin.store.database import Database
from tocsin.store.key_rows import (
    AUDITED_KEY,
    FormerSecret,
    KnownSecret,
    StoredKey,
    row_of,
    stored_key,
)
from tocsin.store.tables import keys

ENVIRONMENT = "TOCSIN_ADMIN_KEY"
# Costs 16 MiB and a fifth of a second.
SCRYPT = {"n": 2**14, "r": 8, "p": 5}


# The keys of a service are rotated one after another; more former secrets are a fault of a script.
MAX_FORMER_SECRETS = 10


class Keys:
    def __init__(self, database: Database) -> None:
        self._table = CachedTable(database, keys, AUDITED_KEY, stored_key, row_of, self._index)
        # The SHA-256 of the environment's secret, once it was adopted, and its stored hash. Another
        # node may adopt another secret.
        self._environment_hash: str | None = None
        self._environment_stored: str | None = None
        self._by_hash: dict[str, KnownSecret] = {}
        self._index()

    def all(self) -> list[Key]:
        """All keys, oldest first."""
        return [stored.key for stored in self._table.all()]

    def has_admin(self, at: datetime) -> bool:
        """Whether there is a key with the role admin that has not expired."""
        return any(key.role is Role.ADMIN and not key.is_expired(at) for key in self.all())

    def authenticate(self, secret: str) -> Role | None:
        """The role of the key with this secret."""
        key = self.identify(secret)
        return key.role if key else None

    def identify(self, secret: str) -> Key | None:
        """The key with this secret, which may have ended."""
        known = self.recall(secret)
        return known.key if known else None

    def recall(self, secret: str) -> KnownSecret | None:
        """The secret and its key, unless it was revoked."""
        return self._by_hash.get(_hash(secret))

    def find(self, id: UUID) -> Key | None:
        """The key with this id, unless it was revoked."""
        stored = self._table.find(id)
        return stored.key if stored else None

    def create(
        self,
        name: str,
        role: Role,
        at: datetime,
        expires_at: datetime | None = None,
        by: Actor = BY_TOCSIN,
    ) -> tuple[Key, str]:
        """A new key and its secret, which is not stored and cannot be read again."""
        visible, secret = _new_secret(role)
        key = Key(
            key_id=uuid4(),
            name=name,
            role=role,
            prefix=visible,
            created_date=cut(at),
            expires_at=expires_at,
        )
        self._table.create(key.key_id, StoredKey(key, _hash(secret)), at, by)
        return key, secret

    def rotate(
        self, id: UUID, at: datetime, grace: timedelta, by: Actor = BY_TOCSIN
    ) -> tuple[Key, str]:
        """The key with a new secret, which is not stored; no former one holds longer than `grace`.

        Raises NotFound, or Conflict for the key of the environment, for an expired one, and for one
        with too many former secrets.
        """
        with self._table.locked():
            stored = self._table.get(id)
            _check_rotation(stored.key, at)
            visible, secret = _new_secret(stored.key.role)
            former = _former_secrets(stored, cut(at), cut(at + grace))
            ends = tuple(each.end for each in former)
            key = stored.key.model_copy(update={"prefix": visible, "former_ends": ends})
            self._table.replace(id, StoredKey(key, _hash(secret), former), at, by)
            return key, secret

    def revoke(self, id: UUID, at: datetime, by: Actor = BY_TOCSIN) -> Key:
        """Returns the revoked key. Raises NotFound, or Conflict for the key of the environment and
        for the last one with the role admin."""
        with self._table.locked():
            key = self._table.get(id).key
            if key.from_environment:
                raise Conflict(
                    f"This key comes from {ENVIRONMENT}: change or unset that, then restart Tocsin"
                )
            if not key.is_expired(at) and self._is_last_admin(key, at):
                raise Conflict(
                    "This is the last key with the role admin, and without one nobody could manage "
                    "Tocsin: create another one first"
                )
            self._table.delete(id, at, by)
            return key

    def _is_last_admin(self, key: Key, at: datetime) -> bool:
        """Whether no other admin key holds at least as surely: one that expires does not replace
        one that never does."""
        if key.role is not Role.ADMIN:
            return False
        others = [each for each in self.all() if each.role is Role.ADMIN and each != key]
        if key.expires_at is None:
            return all(each.expires_at is not None for each in others)
        return all(each.is_expired(at) for each in others)

    def adopt(self, secret: str | None, at: datetime) -> None:
        """Make the environment's secret an admin key, which replaces the former one.

        If the environment has no secret (None), only the former key is removed.
        """
        with self._table.locked():
            former = next((s for s in self._table.all() if s.key.from_environment), None)
            given = None if secret is None else _hash(secret)
            adopted = former
            if not _is_secret_of(former, secret):
                adopted = None if secret is None else _environment_key(secret, at)
                with self._table.changing(at) as change:
                    for stored in self._table.all():
                        # A generated key may have the same secret, perhaps with another role.
                        if stored is former or stored.hash == given:
                            change.delete(stored.key.key_id)
                    if adopted:
                        change.insert(adopted.key.key_id, adopted)
            self._environment_hash = given
            self._environment_stored = adopted.hash if adopted else None
            self._index()

    def recognize(self, secret: str) -> bool:
        """Accept the environment's secret if it is that of the stored key; nothing is stored."""
        with self._table.cached.unchanging():
            stored = next((s for s in self._table.all() if s.key.from_environment), None)
            if stored is None or not _is_secret_of(stored, secret):
                return False
            self._environment_hash, self._environment_stored = _hash(secret), stored.hash
            self._index()
            return True

    def _index(self) -> None:
        """Index the keys by the SHA-256 of their secrets. The environment's key is added when its
        secret is adopted."""
        stored_keys = self._table.all()
        by_hash = {
            former.hash: KnownSecret.of(stored.key, former.end)
            for stored in stored_keys
            for former in stored.former
        }
        # After the former secrets: the environment may give one of them.
        for stored in stored_keys:
            if hash := self._looked_up_by(stored):
                by_hash[hash] = KnownSecret.of(stored.key)
        self._by_hash = by_hash

    def _looked_up_by(self, stored: StoredKey) -> str | None:
        if not stored.key.from_environment:
            return stored.hash
        return self._environment_hash if stored.hash == self._environment_stored else None


def _environment_key(secret: str, at: datetime) -> StoredKey:
    key = Key(
        key_id=uuid4(),
        name=ENVIRONMENT,
        role=Role.ADMIN,
        # No part of the secret is shown, because it may be short.
        prefix="",
        from_environment=True,
        created_date=cut(at),
    )
    return StoredKey(key, _slow_hash(secret, secrets.token_bytes(16)))


def _is_secret_of(stored: StoredKey | None, secret: str | None) -> bool:
    """Whether the environment's stored key has this secret, or both are absent."""
    if stored is None or secret is None:
        return stored is None and secret is None
    salt = bytes.fromhex(stored.hash[:32])
    return compare_digest(_slow_hash(secret, salt), stored.hash)


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _slow_hash(secret: str, salt: bytes) -> str:
    return f"{salt.hex()}{scrypt(secret.encode(), salt=salt, dklen=16, **SCRYPT).hex()}"


def _new_secret(role: Role) -> tuple[str, str]:
    """The visible prefix of a secret, and the secret."""
    visible = f"tsn_{role}_{secrets.token_hex(2)}"
    return visible, visible + secrets.token_hex(24)


def _check_rotation(key: Key, at: datetime) -> None:
    if key.from_environment:
        raise Conflict(
            f"This key comes from {ENVIRONMENT}, and cannot be rotated here: change that, then "
            "restart Tocsin, or on servers run `tocsin migrate` with it first"
        )
    if key.is_expired(at):
        raise Conflict("This key has expired: create a new one")


def _former_secrets(stored: StoredKey, at: datetime, end: datetime) -> tuple[FormerSecret, ...]:
    """The former secrets after a rotation, the earliest end first. Of those that ended, the last
    one stays, because sessions from before its end must not go on."""
    all_former = [FormerSecret(stored.hash, end)]
    all_former += [FormerSecret(each.hash, min(each.end, end)) for each in stored.former]
    all_former.sort(key=lambda each: each.end)
    ended = [each for each in all_former if each.end <= at]
    former = (*ended[-1:], *all_former[len(ended) :])
    if len(former) > MAX_FORMER_SECRETS:
        raise Conflict(
            f"This key has {MAX_FORMER_SECRETS} former secrets that still hold: wait until one has "
            "ended, or rotate with the grace 0s, which ends all of them"
        )
    return former
