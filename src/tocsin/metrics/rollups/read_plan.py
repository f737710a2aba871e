"""What does a use lack: cells and minutes that were never made, and what is new in the others?

A cell that was made holds all interactions up to some number. What is newer is added to it: so
asking again costs what was recorded since, late or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tocsin.metrics.rollups.buckets import LENGTHS, MINUTE, Edge, time_of
from tocsin.metrics.rollups.dirty import Seen
from tocsin.metrics.rollups.partials import Rows
from tocsin.metrics.rollups.rollup import Minute, with_added, with_cells, with_minutes
from tocsin.metrics.rollups.staleness import Missing
from tocsin.metrics.rollups.view import ONE_CELL, Use, minute_of, pieces_between


class Part(NamedTuple):
    """Stretches of time in their order, in cells of some length; of each either everything, or what
    is newer than the number it was made at."""

    edges: tuple[Edge, ...]
    length: int
    made: tuple[int, ...] = ()


class Kind(Enum):
    PIECES = "pieces"
    CELLS = "cells"
    EDGES = "edges"


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """Some parts that a use lacks; `take` gives it their rows, as of a moment."""

    use: Use
    kind: Kind
    parts: Sequence[Part]
    take: Callable[[Sequence[Rows], int], None]

    @property
    def span(self) -> int:
        return sum(edge.upto - edge.after for part in self.parts for edge in part.edges)

    @property
    def since(self) -> int | None:
        """The number after which something is new; None if everything is."""
        return min((number for part in self.parts for number in part.made), default=None)


def pieces_needed(use: Use) -> Need:
    pieces = pieces_between(use.begins, use.end)

    def take(rows: Sequence[Rows], _moment: int) -> None:
        use.pieces = dict(zip(use.begins, rows, strict=True))

    return Need(use, Kind.PIECES, [Part((piece,), ONE_CELL) for piece in pieces], take)


def cells_needed(use: Use, missing: Missing) -> Iterator[Need]:
    never = [(level, cells) for level, cells in enumerate(missing.never) if cells]
    stale = [(level, cells) for level, cells in enumerate(missing.stale) if cells]

    def take(parts: Sequence[Rows], moment: int) -> None:
        for rows, (level, cells) in zip(parts, never, strict=True):
            use.levels = with_cells(use.levels, level, cells, rows, moment)

    def add(parts: Sequence[Rows], moment: int) -> None:
        for rows, (level, cells) in zip(parts, stale, strict=True):
            use.levels = with_added(use.rollup.measure, use.levels, level, cells, rows, moment)

    if never:
        times = [Part(tuple(time_of(level, cells)), LENGTHS[level]) for level, cells in never]
        yield Need(use, Kind.CELLS, times, take)
    if stale:
        newer = [_newer(cells, LENGTHS[level], LENGTHS[level]) for level, cells in stale]
        yield Need(use, Kind.CELLS, newer, add)


def minutes_needed(use: Use, seen: Seen) -> Iterator[Need]:
    """The minutes in which windows begin and end."""
    wanted = [minute_of(edge) for edge in use.all_edges]
    never = [minute for minute in wanted if minute not in use.minutes]
    stale = {
        minute: found.made
        for minute in wanted
        if (found := use.minutes.get(minute)) and found.made < seen.since(0, minute)
    }

    def take(parts: Sequence[Rows], moment: int) -> None:
        made = {minute: Minute.of(minute, parts[0], moment) for minute in never}
        use.minutes = with_minutes(use.minutes, made, wanted)

    def add(parts: Sequence[Rows], moment: int) -> None:
        measure = use.rollup.measure
        newer = {minute: Minute.of(minute, parts[0], moment) for minute in stale}
        made = {minute: use.minutes[minute].plus(measure, newer[minute]) for minute in stale}
        use.minutes = with_minutes(use.minutes, made, wanted)

    if never:
        yield Need(use, Kind.EDGES, [Part(_times(never, MINUTE), 1)], take)
    if stale:
        yield Need(use, Kind.EDGES, [_newer(stale, MINUTE, 1)], add)


def _newer(cells: Mapping[int, int], length: int, of_length: int) -> Part:
    """What is newer than the moments that some cells were made at, in cells of a length."""
    ordered = sorted(cells)
    return Part(_times(ordered, length), of_length, tuple(cells[cell] for cell in ordered))


def _times(cells: Iterable[int], length: int) -> tuple[Edge, ...]:
    return tuple(Edge((cell - 1) * length, cell * length) for cell in cells)
