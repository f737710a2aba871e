"""Partial results as columns: by cell and group, what a measure needs to be added up.

A row says how many interactions of a cell and group matched, and what else its measure keeps: for
a sum how many numbers, their sum, and the sum at a smaller scale; for a least or greatest number
that number; for a distinct count the numbers of its texts, which are rows of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tocsin.sql.plan import Measure

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]

_ADDED = (np.add,)
_FLAT = 1 << 26
_HOW: dict[Measure, tuple[np.ufunc, ...]] = {
    Measure.COUNT: _ADDED,
    Measure.SUM: _ADDED * 4,
    Measure.MIN: (np.add, np.fmin),
    Measure.MAX: (np.add, np.fmax),
    Measure.DISTINCT: _ADDED,
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the order of their cells; `values` has a row for each partial result.

    `texts` has a row (cell, group, text) for each text that occurs, in the order of cells too.
    """

    cells: Integers
    groups: Integers
    values: Doubles
    texts: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.cells) + (0 if self.texts is None else self.texts.shape[1])

    def between(self, after: int, upto: int) -> Rows:
        """The rows of the cells later than `after` and up to `upto`."""
        lo, hi = self.cells.searchsorted((after, upto), "right")
        texts = self.texts
        if texts is not None:
            first, last = texts[0].searchsorted((after, upto), "right")
            texts = texts[:, first:last]
        return Rows(self.cells[lo:hi], self.groups[lo:hi], self.values[:, lo:hi], texts)

    def among(self, cells: Collection[int]) -> Rows:
        """The rows of some cells only."""
        return self._chosen(np.fromiter(cells, np.int64, len(cells)), invert=False)

    def without(self, cells: Collection[int]) -> Rows:
        """The rows of all other cells."""
        return self._chosen(np.fromiter(cells, np.int64, len(cells)), invert=True)

    def _chosen(self, cells: Integers, *, invert: bool) -> Rows:
        chosen = np.isin(self.cells, cells, invert=invert)
        texts = self.texts
        if texts is not None:
            texts = texts[:, np.isin(texts[0], cells, invert=invert)]
        return Rows(self.cells[chosen], self.groups[chosen], self.values[:, chosen], texts)

    def in_cell(self, cell: int) -> Rows:
        """The same rows, all of them in one cell."""
        texts = self.texts
        if texts is not None:
            texts = np.concatenate([np.full_like(texts[:1], cell), texts[1:]])
        return replace(self, cells=np.full_like(self.cells, cell), texts=texts)


def empty(measure: Measure) -> Rows:
    none = np.empty(0, dtype=np.int64)
    texts = np.empty((3, 0), dtype=np.int64) if measure is Measure.DISTINCT else None
    return Rows(none, none, np.empty((len(_HOW[measure]), 0)), texts)


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of several, in the order of their cells; there must be one part at least."""
    if len(parts) == 1:
        return parts[0]
    cells = np.concatenate([part.cells for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    texts = None
    if parts[0].texts is not None:
        texts = np.concatenate([part.texts for part in parts if part.texts is not None], axis=1)
        texts = texts[:, texts[0].argsort(kind="stable")]
    order = cells.argsort(kind="stable")
    return Rows(cells[order], groups[order], values[:, order], texts)


def merged(measure: Measure, rows: Rows) -> Rows:
    """One row for each cell and group that occurs, in their order; a text once in each."""
    width = int(rows.groups.max(initial=0)) + 1
    keys, place = np.unique(rows.cells * width + rows.groups, return_inverse=True)
    cells, groups = np.divmod(keys, width)
    values = _reduced(measure, rows.values, place, len(keys))
    return Rows(cells, groups, values, None if rows.texts is None else _once(rows.texts))


def _once(texts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each (cell, group, text) once, in the order of cells."""
    if not texts.shape[1]:
        return texts
    cells, groups, numbers = texts
    first, many = cells.min(), numbers.max() + 1
    width = (groups.max() + 1) * many
    if int(cells.max() - first + 1) * int(width) < 2**62:
        keys = np.unique((cells - first) * width + groups * many + numbers)
        cells, inner = np.divmod(keys, width)
        return np.stack([cells + first, *np.divmod(inner, many)])
    return np.unique(texts, axis=1)


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
    texts = np.concatenate([part.texts for part in parts if part.texts is not None], axis=1)
    if not texts.shape[1]:
        return np.zeros(width, dtype=np.int64)
    many = int(texts[2].max()) + 1
    keys = texts[1] * many + texts[2]
    if many * width <= _FLAT:
        seen = np.zeros(many * width, dtype=bool)
        seen[keys] = True
        return np.asarray(seen.reshape(width, many).sum(axis=1))
    return np.bincount(np.unique(keys) // many, minlength=width)
