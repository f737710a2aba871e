"""The stored silences, read from memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping

from tocsin.model.instant import cut
from tocsin.model.notifications.silence import Silence, SilenceDraft
from tocsin.process.optimistic_locking import unchanged
from tocsin.store.cached_table import CachedTable
from tocsin.store.database import Database
from tocsin.store.tables import silences

_JSON = ("labels", "dimensions")


class Silences:
    def __init__(self, database: Database) -> None:
        self._table = CachedTable(database, silences, _silence, _row)
        self.all = self._table.all
        self.get = self._table.get
        self.delete = self._table.delete

    def create(self, draft: SilenceDraft, at: datetime) -> Silence:
        """Store a silence that `read_silence` accepted."""
        at = cut(at)
        silence = _from_draft(draft, id=uuid4(), created=at, modified=at)
        return self._table.create(silence.silence_id, silence)

    def replace(
        self, id: UUID, draft: SilenceDraft, at: datetime, expected: Silence | None = None
    ) -> Silence:
        """Raises NotFound, or ChangedMeanwhile if it is not `expected`. Deliveries that the former
        silence held back stay silenced."""
        with self._table.locked():
            created = unchanged(self.get(id), expected).created_date
            return self._table.replace(
                id, _from_draft(draft, id=id, created=created, modified=cut(at))
            )

    def matching(
        self, transition: Mapping[str, Any], labels: Mapping[str, str], at: datetime
    ) -> UUID | None:
        """The oldest silence that matches a transition of an alert with these labels."""
        matching = (silence for silence in self.all() if silence.silences(transition, labels, at))
        return next((silence.silence_id for silence in matching), None)


def _from_draft(draft: SilenceDraft, *, id: UUID, created: datetime, modified: datetime) -> Silence:
    assert draft.start is not None, "read_silence sets a missing start"
    return Silence(
        silence_id=id,
        **{**draft.model_dump(), "start": draft.start},
        created_date=created,
        modified_date=modified,
    )


def _row(silence: Silence) -> dict[str, Any]:
    return {**silence.model_dump(), **{name: json.dumps(getattr(silence, name)) for name in _JSON}}


def _silence(row: RowMapping) -> Silence:
    members = {name: row[name] for name in Silence.model_fields}
    return Silence(**{**members, **{name: json.loads(row[name]) for name in _JSON}})
