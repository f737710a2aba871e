"""Partial results as columns: by cell and group, what a measure needs to be added up.

A row says how many interactions of a cell and group matched, and what else its measure keeps: for
a sum how many numbers, and the sums of their parts (`sql/sums.py`); for a least or greatest number
that number; for a distinct count the numbers of its texts, which are rows of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tocsin.clickhouse.sql.exact_sums import PARTS
from tocsin.clickhouse.sql.plan import Measure

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]

_ADDED = (np.add,)
_TEXT = 0xFFFFFFFF
_AT_ONCE = 1 << 18
_FLAT = 1 << 26
# From so many possible values to an actual one on, sorting is faster than looking at all of them.
_SPARSE_BITS, _SPARSE = 256, 32
_BEFORE = -1
_LARGEST = int(np.iinfo(np.int64).max)
_HOW: dict[Measure, tuple[np.ufunc, ...]] = {
    Measure.COUNT: _ADDED,
    Measure.SUM: _ADDED * (2 + PARTS),
    Measure.MIN: (np.add, np.fmin),
    Measure.MAX: (np.add, np.fmax),
    Measure.DISTINCT: _ADDED,
}


def unique(keys: Integers) -> Integers:
    """Each but once, in order: numpy's own way, by hashing, takes ten times as long as sorting."""
    keys = np.sort(keys)
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return keys[is_first]


def occurring(keys: Integers, size: int) -> tuple[Integers, Integers]:
    """The keys that occur, of 0 to `size`, in order; and the place of each row's among them."""
    if size > _SPARSE * len(keys):
        return np.unique(keys, return_inverse=True)
    occurs = np.zeros(size, dtype=bool)
    occurs[keys] = True
    found = np.flatnonzero(occurs)
    places = np.empty(size, dtype=np.int64)
    places[found] = np.arange(len(found))
    return found, places[keys]


@dataclass(frozen=True, slots=True)
class Texts:
    """Which texts occur: a row for each cell, group and text, in the order of cells."""

    cells: Integers
    keys: Integers
    """The group's number, and below it, in 32 bits, the text's."""

    @classmethod
    def of(cls, cells: Integers, groups: Integers, numbers: Integers) -> Texts:
        return cls(cells, groups << 32 | numbers)

    def once(self) -> Texts:
        """Each but once, in order."""
        if not len(self.cells):
            return self
        first, width = int(self.cells.min()), int(self.keys.max()) + 1
        if (int(self.cells.max()) - first + 1) * width <= _LARGEST:
            cells, keys = np.divmod(unique((self.cells - first) * width + self.keys), width)
            return Texts(cells + first, keys)
        order = np.lexsort((self.keys, self.cells))
        cells, keys = self.cells[order], self.keys[order]
        is_first = np.ones(len(cells), dtype=bool)
        is_first[1:] = (cells[1:] != cells[:-1]) | (keys[1:] != keys[:-1])
        return Texts(cells[is_first], keys[is_first])

    def in_any_cell(self) -> Texts:
        """Each group's texts but once, whatever cells they are in."""
        keys = unique(self.keys)
        return Texts(np.broadcast_to(np.int64(0), keys.shape), keys)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the order of their cells; `values` has a row for each partial result."""

    cells: Integers
    groups: Integers
    values: Doubles
    texts: Texts | None = None

    @property
    def bytes(self) -> int:
        texts = 0 if self.texts is None else 2 * self.texts.cells.nbytes
        return self.cells.nbytes + self.groups.nbytes + self.values.nbytes + texts

    def between(self, after: int, upto: int) -> Rows:
        """The rows of the cells later than `after` and up to `upto`."""
        lo, hi = self.cells.searchsorted((after, upto), "right")
        texts = self.texts
        if texts is not None:
            first, last = texts.cells.searchsorted((after, upto), "right")
            texts = Texts(texts.cells[first:last], texts.keys[first:last])
        return Rows(self.cells[lo:hi], self.groups[lo:hi], self.values[:, lo:hi], texts)

    def without(self, cells: Collection[int]) -> Rows:
        """The rows of all other cells."""
        gone = np.fromiter(cells, np.int64, len(cells))
        kept = np.isin(self.cells, gone, invert=True)
        texts = self.texts
        if texts is not None:
            left = np.isin(texts.cells, gone, invert=True)
            texts = Texts(texts.cells[left], texts.keys[left])
        return Rows(self.cells[kept], self.groups[kept], self.values[:, kept], texts)

    def plus(self, measure: Measure, others: Rows) -> Rows:
        """With other rows, which come to the same cells and groups or to new ones."""
        if not len(others.cells):
            return self
        first, last = int(others.cells.min()) - 1, int(others.cells.max())
        changed = merged(measure, joined([self.between(first, last), others]))
        return joined([self.between(_BEFORE, first), changed, self.between(last, _LARGEST)])

    def in_cell(self, cell: int) -> Rows:
        """The same rows, all of them in one cell."""
        texts = self.texts
        if texts is not None:
            texts = replace(texts, cells=np.full_like(texts.cells, cell))
        return replace(self, cells=np.full_like(self.cells, cell), texts=texts)


def empty(measure: Measure) -> Rows:
    none = np.empty(0, dtype=np.int64)
    texts = Texts(none, none) if measure is Measure.DISTINCT else None
    return Rows(none, none, np.empty((len(_HOW[measure]), 0)), texts)


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of several, in the order of their cells; there must be one part at least."""
    if len(parts) == 1:
        return parts[0]
    cells = np.concatenate([part.cells for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    order = cells.argsort(kind="stable")
    return Rows(cells[order], groups[order], values[:, order], _joined_texts(parts))


def _joined_texts(parts: Sequence[Rows]) -> Texts | None:
    texts = [part.texts for part in parts if part.texts is not None]
    if not texts:
        return None
    cells = np.concatenate([some.cells for some in texts])
    order = cells.argsort(kind="stable")
    return Texts(cells[order], np.concatenate([some.keys for some in texts])[order])


def merged(measure: Measure, rows: Rows) -> Rows:
    """One row for each cell and group that occurs, in their order; a text once in each, as it is in
    each of the rows before."""
    first, keys, width, size = cell_and_group(rows.cells, rows.groups)
    found, place = occurring(keys, size)
    cells, groups = np.divmod(found, width)
    values = _reduced(measure, rows.values, place, len(found))
    texts = rows.texts
    if texts is not None and len(found) < len(rows.cells):
        texts = texts.once()
    return Rows(cells + first, groups, values, texts)


def cell_and_group(cells: Integers, groups: Integers) -> tuple[int, Integers, int, int]:
    """The first cell; for each row one number from 0 up that stands for the cells after that, times
    a width, and the group; the width; how many such numbers there may be."""
    first = int(cells.min()) if len(cells) else 0
    width = int(groups.max(initial=0)) + 1
    keys = (cells - first) * width + groups
    return first, keys, width, int(keys.max(initial=0)) + 1


def totals(measure: Measure, parts: Sequence[Rows], width: int | None) -> tuple[Integers, Doubles]:
    """The groups that occur in any of the parts, of `width` that there are, and what each comes to:
    a column of partial results. Ungrouped (None) there is one group, whether it occurs or not.
    Of a distinct count, the number of texts is the last partial result."""
    groups = np.concatenate([part.groups for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    sums = _reduced(measure, values, groups, width or 1)
    occurring = np.zeros(1, dtype=np.int64)
    if width is not None:
        occurring = np.flatnonzero(sums[0])
        sums = sums[:, occurring]
    if measure is Measure.DISTINCT:
        counts = _distinct(parts, width or 1)[occurring]
        sums = np.concatenate([sums, counts[None, :].astype(np.float64)])
    return occurring, sums


def _reduced(measure: Measure, values: Doubles, place: Integers, width: int) -> Doubles:
    out = np.empty((len(values), width))
    with np.errstate(over="ignore", invalid="ignore"):
        for column, how in enumerate(_HOW[measure]):
            if how is np.add:
                out[column] = np.bincount(place, values[column], minlength=width)
            else:
                out[column] = np.nan
                how.at(out[column], place, values[column])
    return out


def _distinct(parts: Sequence[Rows], width: int) -> Integers:
    """How many different texts each group has."""
    keys = [part.texts.keys for part in parts if part.texts is not None]
    some = [part[at : at + _AT_ONCE] for part in keys for at in range(0, len(part), _AT_ONCE)]
    many = max((int((part & _TEXT).max()) for part in some), default=0) + 1
    if many * width <= min(_FLAT, _SPARSE_BITS * sum(map(len, some))):
        seen = np.zeros(many * width, dtype=bool)
        for part in some:
            place = part >> 32
            place *= many
            place += part & _TEXT
            seen[place] = True
        return np.asarray(np.count_nonzero(seen.reshape(width, many), axis=1))
    return np.bincount(unique(np.concatenate(keys)) >> 32, minlength=width)
