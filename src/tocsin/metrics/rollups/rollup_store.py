"""Holds the rollups of the cache within its limit of memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Mapping
from weakref import WeakValueDictionary

from tocsin.clickhouse.sql.plan import mnemonics_used_by
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.rollups import cost
from tocsin.metrics.rollups.dictionaries import GroupDictionary, HashDictionary
from tocsin.metrics.rollups.dirty import DirtyBuckets
from tocsin.metrics.rollups.rollup import Rollup, RollupView
from tocsin.model.metrics.question import Question


class RollupStore:
    """Rollups by their keys, and the dictionaries that they share. Any number of threads may use
    the object."""

    def __init__(self, dirty: DirtyBuckets) -> None:
        self._dirty = dirty
        self._generation = dirty.generation
        self._rollups: dict[Hashable, Rollup] = {}
        self._groups: WeakValueDictionary[Hashable, GroupDictionary] = WeakValueDictionary()
        self._texts: WeakValueDictionary[Hashable, HashDictionary] = WeakValueDictionary()
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._rollups

    def keys(self) -> frozenset[Hashable]:
        with self._lock:
            return frozenset(self._rollups)

    def get(self, key: Hashable) -> Rollup | None:
        return self._rollups.get(key)

    def drop(self, key: Hashable) -> None:
        with self._lock:
            self._rollups.pop(key, None)

    def generation(self) -> int:
        """The current generation; drops the buckets of an earlier one that are not valid."""
        with self._lock:
            # First: what is dropped from then on belongs to a later generation.
            generation = self._dirty.generation
            if self._generation != generation:
                valid_since = self._dirty.valid_since(self._generation)
                self._generation = generation
                if valid_since is None:
                    self._rollups.clear()
                for rollup in self._rollups.values():
                    rollup.forget_before(valid_since or 0)
            return self._generation

    def recently_requested(self, count: int) -> list[tuple[Hashable, Rollup]]:
        """The rollups of metrics that were requested by themselves, the last requested first."""
        with self._lock:
            rollups = [(key, rollup) for key, rollup in self._rollups.items() if rollup.requests]
        rollups.sort(key=lambda item: max(list(item[1].requests.values())), reverse=True)
        return rollups[:count]

    def new(self, question: Question, table: Table) -> Rollup:
        """An empty rollup, which is not stored yet. Rollups with the same group-by share a
        dictionary of groups, and distinct counts of the same field one of texts."""
        grouping = question.group_by, mnemonics_used_by(question.group_by, table)
        fields = [question.field] if question.field else []
        counted = question.field, mnemonics_used_by(fields, table)
        with self._lock:
            groups = self._groups.setdefault(grouping, GroupDictionary())
            texts = self._texts.setdefault(counted, HashDictionary())
        return Rollup(question, groups, texts)

    def keep(
        self, views: Mapping[Hashable, RollupView], watermark: int, generation: int
    ) -> list[Hashable]:
        """Store the states that a calculation has refreshed. The result has the keys of rollups
        that exceed a limit.

        A concurrent calculation's state may be lost by that, but every state is whole in itself."""
        exceeding = []
        with self._lock:
            if generation != self._generation:
                return []
            for key, view in views.items():
                rollup = view.rollup
                # First, so that no thread takes the new state for an older one.
                rollup.watermark = max(rollup.watermark, watermark)
                rollup.resolutions, rollup.minutes = view.resolutions, view.minutes
                rollup.size = rollup.bytes
                if view.exceeds_limit or rollup.size + rollup.texts.bytes > cost.MODEL.rollup_bytes:
                    exceeding.append(key)
                    self._rollups.pop(key, None)
                elif not view.bypass and not view.is_transient:
                    self._rollups[key] = rollup
            self._evict()
        return exceeding

    def _evict(self) -> None:
        """Drop the least recently refreshed rollups until the rest fit."""
        users = Counter(rollup.texts for rollup in self._rollups.values())
        size = sum(rollup.size for rollup in self._rollups.values())
        size += sum(texts.bytes for texts in users)
        for key, rollup in sorted(self._rollups.items(), key=lambda item: item[1].watermark):
            if size <= cost.MODEL.cache_bytes:
                return
            users[rollup.texts] -= 1
            size -= rollup.size + (0 if users[rollup.texts] else rollup.texts.bytes)
            del self._rollups[key]
