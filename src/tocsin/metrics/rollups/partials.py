"""Partial aggregates as columns: a row for each bucket and group.

A row holds the number of matching interactions and the rest that its measure needs: for a sum, the
number of numbers and the sums of their parts (`clickhouse/sql/exact_sums.py`); for a minimum or
maximum, that number; for a LATEST, its number with time and interaction number. A distinct count
keeps the numbers of its texts in rows of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tocsin.clickhouse.sql.exact_sums import PARTS
from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.decimals import Doubles, Integers
from tocsin.metrics.rollups.latest import FIELDS, latest_of

_ADDED = (np.add,)
_TEXT_MASK = 0xFFFFFFFF
_KEYS_PER_CHUNK = 1 << 18
_MAX_BITMAP = 1 << 26
"""Most entries of a bitmap of groups and texts."""
_BITS_PER_KEY, _VALUES_PER_KEY = 256, 32
"""Possible values for each actual one from which on sorting is faster than a bitmap."""
_BEFORE_ALL_BUCKETS = -1
_LARGEST = int(np.iinfo(np.int64).max)
_REDUCTIONS: dict[Measure, tuple[np.ufunc, ...]] = {
    Measure.COUNT: _ADDED,
    Measure.SUM: _ADDED * (2 + PARTS),
    Measure.MIN: (np.add, np.fmin),
    Measure.MAX: (np.add, np.fmax),
    Measure.DISTINCT: _ADDED,
    Measure.LATEST: _ADDED,
}
"""The reductions of the first partial aggregates of a measure; those of a LATEST are its fields."""


def unique(keys: Integers) -> Integers:
    """Sorted unique keys. Sorting is ten times as fast here as `np.unique`, which hashes."""
    keys = np.sort(keys)
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return keys[is_first]


def occurring(keys: Integers, size: int) -> tuple[Integers, Integers]:
    """The keys that occur, of those below `size`, in ascending order; and each row's index in
    them."""
    if size > _VALUES_PER_KEY * len(keys):
        return np.unique(keys, return_inverse=True)
    occurs = np.zeros(size, dtype=bool)
    occurs[keys] = True
    distinct = np.flatnonzero(occurs)
    index = np.empty(size, dtype=np.int64)
    index[distinct] = np.arange(len(distinct))
    return distinct, index[keys]


@dataclass(frozen=True, slots=True)
class DistinctValues:
    """A row for each bucket, group and text that occurs, in the order of buckets."""

    buckets: Integers
    keys: Integers
    """The number of the group, and in the low 32 bits that of the text."""

    @classmethod
    def of(cls, buckets: Integers, groups: Integers, numbers: Integers) -> DistinctValues:
        return cls(buckets, groups << 32 | numbers)

    def deduplicated(self) -> DistinctValues:
        """Each row once, sorted."""
        if not len(self.buckets):
            return self
        first, width = int(self.buckets.min()), int(self.keys.max()) + 1
        if (int(self.buckets.max()) - first + 1) * width <= _LARGEST:
            buckets, keys = np.divmod(unique((self.buckets - first) * width + self.keys), width)
            return DistinctValues(buckets + first, keys)
        order = np.lexsort((self.keys, self.buckets))
        buckets, keys = self.buckets[order], self.keys[order]
        is_first = np.ones(len(buckets), dtype=bool)
        is_first[1:] = (buckets[1:] != buckets[:-1]) | (keys[1:] != keys[:-1])
        return DistinctValues(buckets[is_first], keys[is_first])

    def without_buckets(self) -> DistinctValues:
        """The texts of each group once, all of them in bucket 0."""
        keys = unique(self.keys)
        return DistinctValues(np.broadcast_to(np.int64(0), keys.shape), keys)


@dataclass(frozen=True, slots=True)
class PartialAggregates:
    """Rows in the order of buckets; `values` has a row for each partial aggregate of the measure
    and a column for each row of these."""

    buckets: Integers
    groups: Integers
    values: Doubles
    texts: DistinctValues | None = None

    @property
    def bytes(self) -> int:
        texts = 0 if self.texts is None else 2 * self.texts.buckets.nbytes
        return self.buckets.nbytes + self.groups.nbytes + self.values.nbytes + texts

    def between(self, after: int, upto: int) -> PartialAggregates:
        """The rows of the buckets later than `after` and up to `upto`, without a copy."""
        lo, hi = self.buckets.searchsorted((after, upto), "right")
        texts = self.texts
        if texts is not None:
            first, last = texts.buckets.searchsorted((after, upto), "right")
            texts = DistinctValues(texts.buckets[first:last], texts.keys[first:last])
        return PartialAggregates(
            self.buckets[lo:hi], self.groups[lo:hi], self.values[:, lo:hi], texts
        )

    def within(self, buckets: Collection[int], *, invert: bool = False) -> PartialAggregates:
        """The rows of these buckets; with `invert`, those of all others."""
        chosen = np.fromiter(buckets, np.int64, len(buckets))
        kept = np.isin(self.buckets, chosen, invert=invert)
        texts = self.texts
        if texts is not None:
            kept_texts = np.isin(texts.buckets, chosen, invert=invert)
            texts = DistinctValues(texts.buckets[kept_texts], texts.keys[kept_texts])
        return PartialAggregates(self.buckets[kept], self.groups[kept], self.values[:, kept], texts)

    def plus(self, measure: Measure, others: PartialAggregates) -> PartialAggregates:
        """With the rows of later interactions added, in these buckets and groups or new ones."""
        if not len(others.buckets):
            return self
        first, last = int(others.buckets.min()) - 1, int(others.buckets.max())
        changed = combine(measure, joined([self.between(first, last), others]))
        return joined(
            [self.between(_BEFORE_ALL_BUCKETS, first), changed, self.between(last, _LARGEST)]
        )

    def in_bucket(self, bucket: int) -> PartialAggregates:
        """The same rows, all of them in one bucket."""
        texts = self.texts
        if texts is not None:
            texts = replace(texts, buckets=np.full_like(texts.buckets, bucket))
        return replace(self, buckets=np.full_like(self.buckets, bucket), texts=texts)


def empty(measure: Measure) -> PartialAggregates:
    """No rows."""
    none = np.empty(0, dtype=np.int64)
    texts = DistinctValues(none, none) if measure is Measure.DISTINCT else None
    rows = len(_REDUCTIONS[measure]) + (FIELDS if measure is Measure.LATEST else 0)
    return PartialAggregates(none, none, np.empty((rows, 0)), texts)


def joined(parts: Sequence[PartialAggregates]) -> PartialAggregates:
    """The rows of all parts in the order of buckets; at least one part is required."""
    if len(parts) == 1:
        return parts[0]
    buckets = np.concatenate([part.buckets for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    order = buckets.argsort(kind="stable")
    return PartialAggregates(buckets[order], groups[order], values[:, order], _joined_texts(parts))


def _joined_texts(parts: Sequence[PartialAggregates]) -> DistinctValues | None:
    texts = [part.texts for part in parts if part.texts is not None]
    if not texts:
        return None
    buckets = np.concatenate([part.buckets for part in texts])
    order = buckets.argsort(kind="stable")
    return DistinctValues(buckets[order], np.concatenate([part.keys for part in texts])[order])


def combine(measure: Measure, rows: PartialAggregates) -> PartialAggregates:
    """One row for each bucket and group that occurs, sorted.

    The texts of each of the given rows must occur once."""
    first, keys, width, size = bucket_group_keys(rows.buckets, rows.groups)
    distinct, index = occurring(keys, size)
    buckets, groups = np.divmod(distinct, width)
    values = _reduced(measure, rows.values, index, len(distinct))
    texts = rows.texts
    if texts is not None and len(distinct) < len(rows.buckets):
        texts = texts.deduplicated()
    return PartialAggregates(buckets + first, groups, values, texts)


def bucket_group_keys(buckets: Integers, groups: Integers) -> tuple[int, Integers, int, int]:
    """The first bucket; a key of 0 or more for each row: its bucket less the first, times a width,
    plus its group; the width; the number of possible keys."""
    first = int(buckets.min()) if len(buckets) else 0
    width = int(groups.max(initial=0)) + 1
    keys = (buckets - first) * width + groups
    return first, keys, width, int(keys.max(initial=0)) + 1


def totals(
    measure: Measure, parts: Sequence[PartialAggregates], width: int | None
) -> tuple[Integers, Doubles]:
    """The groups that occur in any part, of `width` known ones, and a column of partial aggregates
    for each. Without groups (None) there is one, even if nothing occurs.

    The last partial aggregate of a distinct count is the number of texts."""
    groups = np.concatenate([part.groups for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    sums = _reduced(measure, values, groups, width or 1)
    present = np.zeros(1, dtype=np.int64)
    if width is not None:
        present = np.flatnonzero(sums[0])
        sums = sums[:, present]
    if measure is Measure.DISTINCT:
        counts = _distinct_counts(parts, width or 1)[present]
        sums = np.concatenate([sums, counts[None, :].astype(np.float64)])
    return present, sums


def _reduced(measure: Measure, values: Doubles, index: Integers, width: int) -> Doubles:
    out = np.empty((len(values), width))
    with np.errstate(over="ignore", invalid="ignore"):
        if measure is Measure.LATEST:
            out[1:] = latest_of(values[1:], index, width)
        elif width == 1 and set(_REDUCTIONS[measure]) == {np.add}:
            return np.asarray(values.sum(axis=1, keepdims=True))
        for row, reduction in enumerate(_REDUCTIONS[measure]):
            if reduction is np.add:
                out[row] = np.bincount(index, values[row], minlength=width)
            else:
                out[row] = np.nan
                reduction.at(out[row], index, values[row])
    return out


def _distinct_counts(parts: Sequence[PartialAggregates], width: int) -> Integers:
    """The number of distinct texts of each group."""
    keys = [part.texts.keys for part in parts if part.texts is not None]
    step = _KEYS_PER_CHUNK
    chunks = [part[start : start + step] for part in keys for start in range(0, len(part), step)]
    texts = max((int((chunk & _TEXT_MASK).max()) for chunk in chunks), default=0) + 1
    if texts * width <= min(_MAX_BITMAP, _BITS_PER_KEY * sum(map(len, chunks))):
        occurs = np.zeros(texts * width, dtype=bool)
        for chunk in chunks:
            place = chunk >> 32
            place *= texts
            place += chunk & _TEXT_MASK
            occurs[place] = True
        return np.asarray(np.count_nonzero(occurs.reshape(width, texts), axis=1))
    return np.bincount(unique(np.concatenate(keys)) >> 32, minlength=width)
