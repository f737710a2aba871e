"""A key with the hashes of its secrets, and its row in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from tocsin.model.audit.definitions import Audited, key_document
from tocsin.model.audit.entry import AuditAction, AuditSubject
from tocsin.model.instant import format_instant, parse_instant
from tocsin.model.key import Key


@dataclass(frozen=True, slots=True)
class FormerSecret:
    """The SHA-256 of a secret that a rotation replaced, and the instant at which it ends."""

    hash: str
    end: datetime


@dataclass(frozen=True, slots=True)
class StoredKey:
    """`hash` is the SHA-256 of the secret, or the scrypt hash of one from the environment."""

    key: Key
    hash: str
    former: tuple[FormerSecret, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret of a key; `end` is the one of its grace or the expiry of the key, None without."""

    key: Key
    key_id: UUID
    end: datetime | None

    def is_over(self, at: datetime) -> bool:
        return self.end is not None and at >= self.end

    @classmethod
    def of(cls, key: Key, grace_end: datetime | None = None) -> KnownSecret:
        ends = [end for end in (key.expires_at, grace_end) if end is not None]
        return cls(key, key.key_id, min(ends, default=None))


AUDITED_KEY: Audited[StoredKey] = Audited(
    AuditSubject.KEY,
    lambda stored: stored.key.name,
    lambda stored: key_document(stored.key),
    secrets=lambda stored: {"secret": stored.hash},
    changed=AuditAction.ROTATED,
    deleted=AuditAction.REVOKED,
)


def row_of(stored: StoredKey) -> dict[str, Any]:
    key = stored.key.model_dump(exclude={"expires_at", "former_ends"})
    former = [{"hash": each.hash, "end": format_instant(each.end)} for each in stored.former]
    return {
        **key,
        "role": stored.key.role.value,
        "hash": stored.hash,
        "expires_date": stored.key.expires_at,
        "former_secrets": json.dumps(former) if former else None,
    }


def stored_key(row: RowMapping) -> StoredKey:
    former = tuple(
        FormerSecret(each["hash"], parse_instant(each["end"]))
        for each in json.loads(row["former_secrets"] or "[]")
    )
    members = ("key_id", "name", "role", "prefix", "from_environment", "created_date")
    key = Key(
        **{member: row[member] for member in members},
        expires_at=row["expires_date"],
        former_ends=tuple(each.end for each in former),
    )
    return StoredKey(key, row["hash"], former)
