"""Which silences are there, and which of them holds a transition back?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping

from tocsin.model.instant import cut
from tocsin.model.notifications.silence import Silence, SilenceDraft
from tocsin.store.cached_table import Definitions
from tocsin.store.database import Database
from tocsin.store.tables import silences

_JSON = ("labels", "dimensions")


class Silences:
    def __init__(self, database: Database) -> None:
        self._kept = Definitions(database, silences, _silence, _row)
        self.all = self._kept.all
        self.get = self._kept.get
        self.delete = self._kept.remove

    def create(self, draft: SilenceDraft, at: datetime) -> Silence:
        """Keep a silence that `read_silence` found good."""
        at = cut(at)
        silence = _drafted(draft, id=uuid4(), created=at, modified=at)
        return self._kept.add(silence.silence_id, silence)

    def replace(self, id: UUID, draft: SilenceDraft, at: datetime) -> Silence:
        """Raises NotFound. What was held back stays so."""
        with self._kept.changing():
            created = self.get(id).created_date
            return self._kept.put(id, _drafted(draft, id=id, created=created, modified=cut(at)))

    def matching(
        self, transition: Mapping[str, Any], labels: Mapping[str, str], at: datetime
    ) -> UUID | None:
        """The first silence that holds a transition back; reads memory only."""
        return next(
            (one.silence_id for one in self.all() if one.silences(transition, labels, at)), None
        )


def _drafted(draft: SilenceDraft, *, id: UUID, created: datetime, modified: datetime) -> Silence:
    assert draft.start is not None, "read_silence gives a start to what has none"
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
