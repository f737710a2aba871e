"""Notices interactions that were on disk and no longer are.

The engine sets damaged parts aside and starts without them; of a part whose folder is gone it
knows nothing. So the store remembers how many interactions each month had, at every clean stop and
every ten minutes, and the engine is held against it. Both kinds of loss are reported until an
operator acknowledges them.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import msgspec
import structlog

from tocsin.clickhouse.detached_parts import DetachedPart
from tocsin.clickhouse.engine import Engine
from tocsin.model.instant import format_instant
from tocsin.store.key_value import KeyValueStore

log = structlog.get_logger()

_REMEMBERED = "interactions by month"
_MISSING = "missing interactions by month"
_ACKNOWLEDGED = "acknowledged parts"
SHOWN_PARTS = 100
"""Damage can be without bound; reports of it are not."""


class LossDetector:
    """`parts` are set aside and not acknowledged; `missing` interactions are gone, by month."""

    def __init__(self, engine: Engine, key_values: KeyValueStore) -> None:
        self.parts: list[DetachedPart] = []
        self.missing: dict[str, int] = {}
        self._engine = engine
        self._key_values = key_values
        self._checking = threading.Lock()

    def check(self, at: datetime) -> None:
        """Look for new losses, log them, and remember what is there; raises Unavailable."""
        with self._checking:
            self._look_for_parts()
            self._look_for_rows()
            self._remember(at)

    def acknowledge(self, at: datetime) -> None:
        """Report no longer what is set aside or gone at the moment; nothing is deleted."""
        with self._checking:
            names = [part.name for part in self._engine.detached_parts()]
            self._write(_ACKNOWLEDGED, names)
            self._write(_MISSING, {})
            self.parts, self.missing = [], {}
            self._remember(at)
        if names:
            log.warning("losses acknowledged", parts=names)

    def forget_before(self, month: str) -> None:
        """Months before this one are about to be dropped on purpose."""
        with self._checking:
            self.missing = {m: count for m, count in self.missing.items() if m >= month}
            self._write(_MISSING, self.missing)
            remembered = self._remembered()
            if remembered:
                kept = {m: rows for m, rows in remembered["rows"].items() if m >= month}
                self._write(_REMEMBERED, {**remembered, "rows": kept})

    def problems(self) -> list[str]:
        """A sentence for each loss, the sum of missing interactions first."""
        told = []
        if self.missing:
            months = ", ".join(f"{_month(m)}: {count:,}" for m, count in self.missing.items())
            count = sum(self.missing.values())
            told.append(f"{count:,} interactions that were recorded are missing ({months})")
        told += map(_told, self.parts[:SHOWN_PARTS])
        if len(self.parts) > SHOWN_PARTS:
            told.append(f"{len(self.parts) - SHOWN_PARTS:,} more parts are set aside")
        return told

    def _look_for_parts(self) -> None:
        acknowledged = set(self._read(_ACKNOWLEDGED) or [])
        parts = [p for p in self._engine.detached_parts() if p.name not in acknowledged]
        for part in parts:
            if part not in self.parts:
                log.error("part set aside", part=part.name, reason=part.reason, rows=part.rows)
        self.parts = parts

    def _look_for_rows(self) -> None:
        self.missing = self._read(_MISSING) or {}
        remembered = self._remembered()
        if not remembered:
            return
        there = self._engine.rows_by_month()
        lost = {
            month: rows - there.get(month, 0)
            for month, rows in remembered["rows"].items()
            if there.get(month, 0) < rows
        }
        if not lost:
            return
        log.error("interactions missing", since=remembered["at"], by_month=lost)
        months = sorted({*self.missing, *lost})
        self.missing = {m: self.missing.get(m, 0) + lost.get(m, 0) for m in months}
        self._write(_MISSING, self.missing)

    def _remember(self, at: datetime) -> None:
        rows = self._engine.rows_by_month()
        self._write(_REMEMBERED, {"at": format_instant(at), "rows": rows})

    def _remembered(self) -> Any:
        return self._read(_REMEMBERED)

    def _read(self, name: str) -> Any:
        value = self._key_values.get(name)
        return None if value is None else msgspec.json.decode(value)

    def _write(self, name: str, value: Any) -> None:
        """What has not changed is not written: a full disk would refuse it."""
        text = msgspec.json.encode(value).decode()
        if text != self._key_values.get(name):
            self._key_values.set(name, text)


def _told(part: DetachedPart) -> str:
    rows = "an unknown number of" if part.rows is None else f"{part.rows:,}"
    return f"The engine set aside the part {part.name} ({part.reason}) with {rows} interactions"


def _month(month: str) -> str:
    return f"{month[:4]}-{month[4:]}"
