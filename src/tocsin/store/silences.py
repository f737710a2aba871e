"""The stored silences, read from memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import Dimensions
from tocsin.model.audit.definitions import SILENCE
from tocsin.model.instant import LAST_YEAR, MILLISECOND, cut
from tocsin.model.notifications.recurrence import Recurrence, SilencedTime
from tocsin.model.notifications.silence import Silence, SilenceTarget
from tocsin.model.notifications.silence_draft import SilenceDraft
from tocsin.model.slug import with_kept_keys
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.process.optimistic_locking import unchanged
from tocsin.store.cached_table import CachedTable
from tocsin.store.database import Database
from tocsin.store.notification_tables import silences

_JSON = ("labels", "dimensions", "severities")
# Of a silence that recurs without an end.
_LAST = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - MILLISECOND


class Silences:
    def __init__(self, database: Database) -> None:
        self._table = CachedTable(
            database, silences, SILENCE, _silence, _row, key_of=lambda silence: silence.key
        )
        self.all = self._table.all
        self.find = self._table.find
        self.get = self._table.get
        self.delete = self._table.delete

    def create(self, draft: SilenceDraft, at: datetime, by: Actor = BY_TOCSIN) -> Silence:
        """Store a silence that `read_silence` accepted."""
        at = cut(at)
        silence = draft.silence(uuid4(), at, at)
        return self._table.create(silence.silence_id, silence, at, by)

    def replace(
        self,
        id: UUID,
        draft: SilenceDraft,
        at: datetime,
        expected: Silence | None = None,
        by: Actor = BY_TOCSIN,
    ) -> Silence:
        """Raises NotFound, or ChangedMeanwhile if it is not `expected`. The deliveries that
        it holds are decided anew by `HeldDeliveries`."""
        with self._table.locked():
            former = unchanged(self.get(id), expected)
            draft = with_kept_keys(draft, former)
            silence = draft.silence(id, former.created_date, cut(at))
            return self._table.replace(id, silence, at, by)

    def matching(
        self, transition: Mapping[str, Any], labels: Mapping[str, str], at: datetime
    ) -> UUID | None:
        """The oldest silence that matches a transition, given by its payload, of an alert with
        these labels, and is active at an instant."""
        target = SilenceTarget.of_payload(transition, labels)
        matching = (silence for silence in self.all() if silence.silences(target, at))
        return next((silence.silence_id for silence in matching), None)

    def of_group(
        self, alert: Alert, dimensions: Dimensions, at: datetime
    ) -> tuple[Silence, SilencedTime] | None:
        """The silence that matches a group of an alert and is active at an instant, and the window
        that it is in; of several, the one that ends last."""
        target = SilenceTarget(str(alert.alert_id), alert.severity, alert.labels, dimensions or {})
        active = [
            (silence, window)
            for silence in self.all()
            if silence.matches(target) and (window := silence.window_at(at))
        ]
        return max(active, key=lambda each: each[1].end or _LAST, default=None)


def _row(silence: Silence) -> dict[str, Any]:
    texts = {name: json.dumps(getattr(silence, name)) for name in _JSON}
    recurs = silence.recurs.model_dump_json(by_alias=True) if silence.recurs else None
    return {**silence.model_dump(), **texts, "recurs": recurs, "to": silence.end or _LAST}


def _silence(row: RowMapping) -> Silence:
    members = {name: row[name] for name in Silence.model_fields}
    members |= {name: json.loads(row[name]) for name in _JSON}
    if row["recurs"]:
        recurs = Recurrence.model_validate_json(row["recurs"])
        members |= {"recurs": recurs, "to": None}
    return Silence(**members)
