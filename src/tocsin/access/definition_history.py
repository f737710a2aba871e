"""The history of a metric or an alert: its definitions over time, from the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from tocsin.model.audit.definitions import ALERT, METRIC, Audited
from tocsin.model.audit.entry import (
    AuditAction,
    AuditEntry,
    AuditSubject,
    Author,
    DefinitionDocument,
)
from tocsin.model.cursor import InstantPosition
from tocsin.store.alerts import Alerts
from tocsin.store.audit import AuditTrail
from tocsin.store.metrics import Metrics

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Version:
    """A definition from `at` on; None after a deletion. Without `at` it was stored by a Tocsin that
    kept no history."""

    at: datetime | None
    by: Author | None
    action: AuditAction
    name: str | None
    changed: tuple[str, ...]
    definition: DefinitionDocument | None
    position: InstantPosition | None = None
    """The one that the versions before it follow."""


class DefinitionHistory:
    def __init__(self, trail: AuditTrail, metrics: Metrics, alerts: Alerts) -> None:
        self._trail = trail
        self._current: Mapping[
            AuditSubject, Callable[[UUID], tuple[str | None, dict[str, Any]]]
        ] = {
            AuditSubject.METRIC: lambda id: _described(METRIC, metrics.get(id)),
            AuditSubject.ALERT: lambda id: _described(ALERT, alerts.get(id)),
        }

    def page(
        self, kind: AuditSubject, id: UUID, limit: int, after: InstantPosition | None = None
    ) -> tuple[list[Version], InstantPosition | None]:
        """At most `limit` versions, newest first, and the position that the next page follows; also
        of a deleted definition. The last page may have one version more, of a time without a
        history. Raises NotFound for a definition that never existed."""
        rows, position = self._trail.versions(kind, id, limit, after)
        versions = list(map(_version, rows))
        if not rows and after is None:
            name, definition = self._current[kind](id)
            return [_unrecorded(name, definition)], None
        if position is None and rows and rows[-1].action is not AuditAction.CREATED:
            versions.append(_unrecorded(rows[-1].name, rows[-1].before))
        return versions, position


def _version(row: AuditEntry) -> Version:
    return Version(
        row.at, row.by, row.action, row.name, row.changed, row.after, (row.at, row.number)
    )


def _unrecorded(name: str | None, definition: DefinitionDocument | None) -> Version:
    return Version(None, None, AuditAction.CREATED, name, (), definition)


def _described(audited: Audited[T], item: T) -> tuple[str | None, dict[str, Any]]:
    return audited.name(item), audited.document(item)
