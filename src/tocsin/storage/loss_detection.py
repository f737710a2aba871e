"""Detects the loss of interactions that were on disk.

The engine detaches damaged parts and starts without them; it does not notice a part whose folder is
missing. So the store keeps the number of interactions of each month, at every clean stop and every
ten minutes, and the numbers are compared with those of the engine. Both kinds of loss are reported
until an operator acknowledges them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog

from tocsin.clickhouse.detached_parts import DetachedPart
from tocsin.clickhouse.engine import Engine
from tocsin.model.instant import format_instant
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.key_value import KeyValueStore

log = structlog.get_logger()

_STORED = "interactions by month"
_MISSING = "missing interactions by month"
_ACKNOWLEDGED = "acknowledged parts"
_ERASING = "interactions being erased by month"
SHOWN_PARTS = 100
"""The number of detached parts has no bound; that of reported ones has."""


class LossDetector:
    """`parts` are detached and not acknowledged; `missing` counts missing interactions by month."""

    def __init__(self, engine: Engine, key_values: KeyValueStore, fence: Fence) -> None:
        """With the fence, only the leader detects; any node acknowledges."""
        self.parts: list[DetachedPart] = []
        self.missing: dict[str, int] = {}
        self._engine = engine
        self._key_values = key_values
        self._fence = fence
        self._checking = threading.Lock()

    def check(self, at: datetime) -> None:
        """Detect new losses, log them, and store the present numbers. Raises Deposed or
        Unavailable."""
        with self._checking:
            self._check_parts()
            self._check_rows()
            self._store_rows(at, self._fence)

    def stop_reporting(self) -> None:
        """Report nothing until the next check: the leader reports the losses."""
        with self._checking:
            self.parts, self.missing = [], {}

    def acknowledge(self, at: datetime) -> None:
        """Stop reporting the present losses; nothing is deleted."""
        with self._checking:
            names = [part.name for part in self._engine.detached_parts()]
            self._write(_ACKNOWLEDGED, names)
            self._write(_MISSING, {})
            self.parts, self.missing = [], {}
            self._store_rows(at)
        if names:
            log.warning("losses acknowledged", parts=names)

    def forget_before(self, month: str) -> None:
        """Ignore the months before this one, which are about to be dropped. Raises Deposed or
        Unavailable."""
        with self._checking:
            self.missing = {m: count for m, count in self.missing.items() if m >= month}
            self._write(_MISSING, self.missing, self._fence)
            stored = self._read(_STORED)
            if stored:
                rows = {m: count for m, count in stored["rows"].items() if m >= month}
                self._write(_STORED, {**stored, "rows": rows}, self._fence)

    def begin_erasing(self, by_month: Mapping[str, int]) -> None:
        """Let this number of interactions of each month disappear until `end_erasing`. Raises
        Deposed or Unavailable."""
        with self._checking:
            erasing = Counter(self._read(_ERASING) or {}) + Counter(by_month)
            self._write(_ERASING, dict(erasing), self._fence)

    def end_erasing(self, at: datetime) -> None:
        """Everything that was to be erased is; later numbers are compared with the present ones.
        Raises Deposed or Unavailable."""
        with self._checking:
            self._store_rows(at, self._fence)
            self._write(_ERASING, {}, self._fence)

    @property
    def shown_parts(self) -> list[DetachedPart]:
        """The detached parts that answers and metrics list, at most SHOWN_PARTS."""
        return self.parts[:SHOWN_PARTS]

    def problems(self) -> list[str]:
        """A sentence for each loss, the sum of missing interactions first."""
        problems = []
        if self.missing:
            months = ", ".join(f"{_month(m)}: {count:,}" for m, count in self.missing.items())
            count = sum(self.missing.values())
            problems.append(f"{count:,} interactions that were recorded are missing ({months})")
        problems += map(_problem, self.shown_parts)
        if len(self.parts) > SHOWN_PARTS:
            problems.append(f"{len(self.parts) - SHOWN_PARTS:,} more parts are set aside")
        return problems

    def _check_parts(self) -> None:
        acknowledged = set(self._read(_ACKNOWLEDGED) or [])
        parts = [p for p in self._engine.detached_parts() if p.name not in acknowledged]
        for part in parts:
            if part not in self.parts:
                log.error("part set aside", part=part.name, reason=part.reason, rows=part.rows)
        self.parts = parts

    def _check_rows(self) -> None:
        self.missing = self._read(_MISSING) or {}
        stored = self._read(_STORED)
        if not stored:
            return
        present = Counter(self._engine.rows_by_month()) + Counter(self._read(_ERASING) or {})
        lost = {
            month: count - present[month]
            for month, count in stored["rows"].items()
            if present[month] < count
        }
        if not lost:
            return
        # A former leader may have compared numbers of different instants.
        self._fence.confirm()
        log.error("interactions missing", since=stored["at"], by_month=lost)
        months = sorted({*self.missing, *lost})
        self.missing = {m: self.missing.get(m, 0) + lost.get(m, 0) for m in months}
        self._write(_MISSING, self.missing, self._fence)

    def _store_rows(self, at: datetime, fence: Fence = NO_FENCE) -> None:
        rows = self._engine.rows_by_month()
        self._write(_STORED, {"at": format_instant(at), "rows": rows}, fence)

    def _read(self, name: str) -> Any:
        value = self._key_values.get(name)
        return None if value is None else msgspec.json.decode(value)

    def _write(self, name: str, value: Any, fence: Fence = NO_FENCE) -> None:
        """Write a value that has changed: on a full disk, every write fails."""
        text = msgspec.json.encode(value).decode()
        if text != self._key_values.get(name):
            self._key_values.set(name, text, fence)


def forget_counts(key_values: KeyValueStore) -> None:
    """Compare with no earlier numbers: both databases were restored from dumps, and the one of
    ClickHouse is older."""
    key_values.set(_STORED, "null")


def _problem(part: DetachedPart) -> str:
    rows = "an unknown number of" if part.rows is None else f"{part.rows:,}"
    return f"The engine set aside the part {part.name} ({part.reason}) with {rows} interactions"


def _month(month: str) -> str:
    return f"{month[:4]}-{month[4:]}"
