"""Keeps what this node knows of recorded interactions equal to what the nodes have recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.table import JsonType
from tocsin.ingestion.append_news import News, scope_of
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.interactions.interaction import Interaction

_KINDS = (Kind.RESOURCE_TYPE, Kind.ACTION, Kind.ORIGIN)

FindEntry = Callable[[Kind, UUID], Entry | None]


@dataclass(slots=True)
class EngineKnowledge:
    """Implements Knowledge for an engine and a catalog."""

    engine: Engine
    find_entry: FindEntry
    refresh_entries: Callable[[], object]
    _observed: Sequence[tuple[tuple[str, ...], JsonType]] = field(init=False)
    _sent: int = 0
    _is_sending_all: bool = False

    def __post_init__(self) -> None:
        self._observed = self.engine.field_types.keep_observed()

    def add_ids(self, ids: bytes) -> None:
        self.engine.ids.add([ids])

    def widen(self, news: News) -> None:
        if news.minutes:
            self.engine.recorded_extent.include(news.earliest, news.latest)
            self.engine.recorded_months.add(news.months)
        types = self.engine.field_types
        if news.has_any_type:
            types.overflow()
        for path, type in news.types:
            types.add(path, [JsonType(type)])

    def missing_entries(self, interactions: Sequence[Interaction]) -> frozenset[bytes]:
        scopes = set(map(scope_of, interactions))
        entries = {pair for scope in scopes for pair in zip(_KINDS, scope, strict=True)}
        return frozenset(id for kind, id in entries if not self.find_entry(kind, UUID(bytes=id)))

    def add_types(self, news: News) -> int:
        types = self.engine.field_types
        sent = len(self._observed)
        news.has_any_type = types.is_overflowed
        if self._is_sending_all:
            known = types.by_path().items()
            news.types = [(path, type.value) for path, each in known for type in each]
        else:
            news.types = [(path, type.value) for path, type in self._observed[self._sent : sent]]
        return sent

    def confirm_types(self, sent: int) -> None:
        self._sent = sent
        self._is_sending_all = False

    def resend_types(self) -> None:
        self._is_sending_all = True

    def relearn(self) -> None:
        self.engine.load_contents()
        self.engine.ids.learn()
        self.engine.load_field_types()
