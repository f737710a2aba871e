"""What one calculation does with one rollup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tocsin.metrics.rollups.buckets import BEFORE_ALL, MINUTE, Cover, Edge, cover
from tocsin.metrics.rollups.partials import Rows, empty
from tocsin.metrics.rollups.rollup import Levels, Minutes, Rollup
from tocsin.model.instant import MILLISECOND

ONE_CELL = -BEFORE_ALL * 10_000
"""Milliseconds; so long a cell holds every timestamp from 1970 on."""


@dataclass(slots=True, eq=False)
class Use:
    """The state of a rollup, and the windows it is asked for.

    One that is asked for the first time may not be asked again. Of it only the pieces between the
    beginnings of its windows are read, by the beginning of each, and nothing is kept.
    """

    rollup: Rollup
    levels: Levels
    minutes: Minutes
    end: int
    is_new: bool
    covers: dict[timedelta | None, Cover] = field(default_factory=dict)
    pieces: dict[int, Rows] = field(default_factory=dict)
    edges: Rows | None = None
    is_alone: bool = False
    is_too_wide: bool = False

    def cover(self, length: timedelta | None) -> None:
        """Ask for a window that ends where the others do."""
        if length not in self.covers:
            begin = BEFORE_ALL if length is None else self.end - length // MILLISECOND
            self.covers[length] = cover(begin, self.end)

    @property
    def begins(self) -> list[int]:
        """Where its windows begin, in milliseconds; one that is all time before everything."""
        return sorted({found.begin for found in self.covers.values()})

    @property
    def all_edges(self) -> list[Edge]:
        """The edges of its windows; those of different windows lie in different minutes."""
        return sorted({edge for found in self.covers.values() for edge in found.edges})

    def parts(self, window: timedelta | None) -> list[Rows]:
        """The rows of all cells and edges of a window."""
        found = self.covers[window]
        if self.is_new:
            return [rows for begin, rows in self.pieces.items() if begin >= found.begin]
        parts = [self.levels[s.level].between(s.after, s.upto) for s in found.stretches]
        parts += [self._of_edge(edge) for edge in found.edges]
        return parts or [empty(self.rollup.measure)]

    def _of_edge(self, edge: Edge) -> Rows:
        minute = minute_of(edge)
        if self.edges is not None:
            return self.edges.between(minute - 1, minute)
        return self.minutes[minute].rows.between(*edge)


def minute_of(edge: Edge) -> int:
    """The minute in which the edge of a window lies."""
    return -(-edge.upto // MINUTE)


def pieces_between(begins: Sequence[int], end: int) -> list[Edge]:
    """The stretches of time from each beginning to the next."""
    return [Edge(*times) for times in zip(begins, [*begins[1:], end], strict=True)]
