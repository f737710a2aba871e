"""A row of the audit trail: an action of a key, or of Tocsin itself, on one thing.

"Audit" in docs/reference/api.md defines the members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

DefinitionDocument = Mapping[str, Any]
"""The members of a definition as JSON, its secrets as `***`."""


class AuditAction(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    ROTATED = "rotated"
    REVOKED = "revoked"
    SILENCED = "silenced"
    EVALUATED = "evaluated"
    TESTED = "tested"
    RETRIED = "retried"
    EXPORTED = "exported"
    ERASED = "erased"


class AuditSubject(StrEnum):
    """The kinds of things that actions are on."""

    METRIC = "metric"
    ALERT = "alert"
    CHANNEL = "channel"
    SUBSCRIPTION = "subscription"
    SILENCE = "silence"
    RESOURCE_TYPE = "resourceType"
    ACTION = "action"
    ORIGIN = "origin"
    KEY = "key"
    DELIVERY = "delivery"
    INTERACTIONS = "interactions"
    BACKUP = "backup"
    ERASURE = "erasure"


VERSIONED = (AuditSubject.METRIC, AuditSubject.ALERT)
"""Their changes are kept without a limit, because they are their history."""

CHANGES = (AuditAction.CREATED, AuditAction.CHANGED, AuditAction.DELETED)


@dataclass(frozen=True, slots=True)
class Author:
    """The key of an action, with the name that it had then."""

    key_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`by` is None for what Tocsin did itself. `before` and `after` are definitions, or facts about
    the action; `changed` has the paths of the members in which they differ, secrets included."""

    at: datetime
    by: Author | None
    action: AuditAction
    kind: AuditSubject
    id: UUID | None = None
    name: str | None = None
    before: DefinitionDocument | None = None
    after: DefinitionDocument | None = None
    changed: tuple[str, ...] = ()
    number: int = field(default=0, compare=False)
    """Its place among the rows of one instant, assigned by the store."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The rows of a listing: `start` is inclusive, `to` is exclusive; None does not filter."""

    start: datetime | None = None
    to: datetime | None = None
    action: AuditAction | None = None
    kind: AuditSubject | None = None
    id: UUID | None = None
    key_id: UUID | None = None
    key_name: str | None = None


def differences(
    before: DefinitionDocument, after: DefinitionDocument, prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """The members that differ, by their paths such as `settings.url`, with both values; a missing
    member is null."""
    for name in dict.fromkeys([*before, *after]):
        former, latter = before.get(name), after.get(name)
        if isinstance(former, Mapping) and isinstance(latter, Mapping):
            yield from differences(former, latter, f"{prefix}{name}.")
        elif former != latter:
            yield f"{prefix}{name}", former, latter
