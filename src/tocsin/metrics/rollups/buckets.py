"""Into which minutes, hours, days and months does a window fall?

A cell is a stretch of time of one of four lengths, numbered from 1970 on: cell c of length l is
everything after (c - 1) * l and up to c * l, open at its beginning as windows are. A window is
covered by the longest cells that lie in it, and by two edges that are no whole minutes.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

MINUTE = 60_000
LENGTHS = (MINUTE, 60 * MINUTE, 24 * 60 * MINUTE, 32 * 24 * 60 * MINUTE)
"""Milliseconds of a cell, by level."""

BEFORE_ALL = -LENGTHS[-1]
"""Earlier than every timestamp, and the beginning of a cell at every level."""


class Stretch(NamedTuple):
    """Neighbouring cells of one level: those after `after` and up to `upto`."""

    level: int
    after: int
    upto: int

    @property
    def cells(self) -> range:
        return range(self.after + 1, self.upto + 1)


class Edge(NamedTuple):
    """A stretch of time, in milliseconds: later than `after`, up to `upto`."""

    after: int
    upto: int


class Cover(NamedTuple):
    """What makes up a window: cells and, where it begins or ends within a minute, edges."""

    begin: int
    stretches: tuple[Stretch, ...]
    edges: tuple[Edge, ...]


@lru_cache(maxsize=256)
def cover(begin: int, end: int) -> Cover:
    """What makes up the time later than `begin` and up to `end`, in milliseconds since 1970."""
    first, last = -(-begin // MINUTE), end // MINUTE
    edges = [Edge(begin, first * MINUTE), Edge(last * MINUTE, end)]
    if last < first:
        edges = [Edge(begin, end)]
    stretches = _stretches(0, first, last)
    return Cover(begin, tuple(stretches), tuple(edge for edge in edges if edge.after < edge.upto))


def _stretches(level: int, after: int, upto: int) -> list[Stretch]:
    """Cells of a level, as far as no longer ones will do."""
    if upto <= after:
        return []
    if level + 1 == len(LENGTHS):
        return [Stretch(level, after, upto)]
    fold = LENGTHS[level + 1] // LENGTHS[level]
    first, last = -(-after // fold), upto // fold
    if last <= first:
        return [Stretch(level, after, upto)]
    sides = Stretch(level, after, first * fold), Stretch(level, last * fold, upto)
    return [side for side in sides if side.after < side.upto] + _stretches(level + 1, first, last)


def time_of(level: int, cells: Collection[int]) -> list[Edge]:
    """The stretches of time that some cells make up, in their order."""
    length = LENGTHS[level]
    starts = sorted((cell - 1) * length for cell in cells if cell - 1 not in cells)
    ends = sorted(cell * length for cell in cells if cell + 1 not in cells)
    return [Edge(*times) for times in zip(starts, ends, strict=True)]


def smaller(level: int, cell: int) -> Stretch:
    """The cells of the level below that make up a cell."""
    fold = LENGTHS[level] // LENGTHS[level - 1]
    return Stretch(level - 1, (cell - 1) * fold, cell * fold)
