"""Which of the cells that a window needs does a rollup lack?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.metrics.rollups.buckets import LENGTHS, Stretch, smaller
from tocsin.metrics.rollups.dirty import Seen
from tocsin.metrics.rollups.rollup import Level

MAX_TOUCHED = 8


@dataclass(frozen=True, slots=True)
class Missing:
    """The cells of each level that were never made; and those in which something was recorded since
    they were, each with the moment of that."""

    never: tuple[frozenset[int], ...]
    stale: tuple[Mapping[int, int], ...]


@dataclass(frozen=True, slots=True)
class Lack:
    """The cells that must be scanned for, of each level, and those (level, cell) to be put together
    from smaller ones."""

    scanned: tuple[frozenset[int], ...]
    put_together: frozenset[tuple[int, int]]

    @property
    def span(self) -> int:
        """How much time must be scanned, in milliseconds."""
        return sum(len(cells) * length for cells, length in zip(self.scanned, LENGTHS, strict=True))


def united(lacks: Iterable[Lack]) -> Lack:
    """What one scan must bring for all: no two of its cells overlap, and those that would are split
    and put together again."""
    scanned = [
        set[int]().union(*cells) for cells in zip(*(lack.scanned for lack in lacks), strict=True)
    ]
    split: set[tuple[int, int]] = set()
    for level in range(len(LENGTHS) - 1, 0, -1):
        fold = LENGTHS[level]
        parents = {
            -(-cell * LENGTHS[lower] // fold) for lower in range(level) for cell in scanned[lower]
        }
        for cell in scanned[level] & parents:
            scanned[level].remove(cell)
            scanned[level - 1].update(smaller(level, cell).cells)
            split.add((level, cell))
    return Lack(tuple(map(frozenset, scanned)), frozenset(split))


class Wanted:
    """The cells that some windows need, each with the moment it must have been made at least."""

    def __init__(self, stretches: Iterable[Stretch], seen: Seen) -> None:
        self._seen = seen
        self._cells: tuple[dict[int, int], ...] = tuple({} for _ in LENGTHS)
        for stretch in stretches:
            for cell in stretch.cells:
                self._cells[stretch.level][cell] = seen.since(stretch.level, cell)

    def missing(self, levels: Sequence[Level]) -> Missing:
        """What a rollup in this state lacks, if what is new can be added to what it has."""
        never: list[set[int]] = [set() for _ in LENGTHS]
        stale: list[dict[int, int]] = [{} for _ in LENGTHS]
        for level, cells in enumerate(self._cells):
            made = levels[level].made
            for cell, since in cells.items():
                moment = made.get(cell)
                if moment is None:
                    never[level].add(cell)
                elif moment < since:
                    stale[level][cell] = moment
        return Missing(tuple(map(frozenset, never)), tuple(stale))

    def lacking(self, levels: Sequence[Level]) -> Lack | None:
        """What a rollup in this state lacks, if it is to be read anew; None if nothing."""
        lacking = _Lacking(levels, self._seen)
        for level, cells in enumerate(self._cells):
            made = levels[level].made.get
            # A cell that was never made is older than any moment.
            for cell in [cell for cell, since in cells.items() if made(cell, -1) < since]:
                lacking.add(level, cell)
        return lacking.lack() if lacking else None


class _Lacking:
    """Gathers what is lacking."""

    def __init__(self, levels: Sequence[Level], seen: Seen) -> None:
        self._levels = levels
        self._seen = seen
        self._scanned: tuple[set[int], ...] = tuple(set() for _ in LENGTHS)
        self._together: set[tuple[int, int]] = set()

    def __bool__(self) -> bool:
        return any(self._scanned) or bool(self._together)

    def add(self, level: int, cell: int) -> None:
        """A cell that was made before, and in which something was recorded since, is put together
        anew: mostly only one minute of it must be scanned."""
        made = self._levels[level].made.get(cell, -1)
        if made >= self._seen.since(level, cell):
            return
        if made < 0 or level == 0 or self._is_touched_all_over(level, cell, made):
            self._scanned[level].add(cell)
        else:
            self._split(level, cell)

    def _is_touched_all_over(self, level: int, cell: int, made: int) -> bool:
        small = smaller(level, cell).cells
        touched = sum(self._seen.since(level - 1, part) > made for part in small)
        return touched > MAX_TOUCHED

    def lack(self) -> Lack:
        return Lack(tuple(map(frozenset, self._scanned)), frozenset(self._together))

    def _split(self, level: int, cell: int) -> None:
        self._together.add((level, cell))
        for small in smaller(level, cell).cells:
            self.add(level - 1, small)
