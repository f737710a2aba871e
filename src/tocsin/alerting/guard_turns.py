"""The points of a backtest at which the guards of an alert begin and cease to hold.

The values of a guard are reduced to these points group by group, because the groups of the alert
are read in another order: all values of both would not fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tocsin.errors import QueryTooHeavy
from tocsin.metrics.decimals import Values
from tocsin.metrics.group_lines import GroupLine
from tocsin.metrics.row_selection import GroupTexts
from tocsin.model.alerts.alert import Comparison, Guard
from tocsin.model.metrics.question import Question

MAX_TURNS = 20_000_000

COMPARE = {
    Comparison.GT: np.greater,
    Comparison.GTE: np.greater_equal,
    Comparison.LT: np.less,
    Comparison.LTE: np.less_equal,
    Comparison.EQ: np.equal,
    Comparison.NEQ: np.not_equal,
}

Turns = NDArray[np.int32]
"""Points, ascending, at which a condition changes; before the first point it does not hold."""


@dataclass(frozen=True, slots=True)
class GuardTurns:
    """The turns of a guard for each of its groups. `positions` are those of the guard's fields
    among the fields of the alert's metric."""

    positions: tuple[int, ...]
    turns: Mapping[GroupTexts, Turns]
    holds_over_nothing: Values

    @classmethod
    def of(
        cls,
        guard: Guard,
        question: Question,
        watched: Question,
        lines: Iterable[GroupLine],
        has_base: Values,
    ) -> GuardTurns:
        """`has_base` tells for each point whether a comparison has a base. Raises QueryTooHeavy."""
        positions = tuple(watched.group_by.index(field) for field in question.group_by)
        turns: dict[GroupTexts, Turns] = {}
        count = 0
        for line in lines:
            turns[line.texts] = _turns(guard, line.values)
            count += len(turns[line.texts])
            if count > MAX_TURNS:
                raise QueryTooHeavy(
                    f"The guards change more than {MAX_TURNS:,} times in this span: use a shorter "
                    "span or a larger step"
                )
        return cls(positions, turns, has_base & guard.holds(question.empty_value))

    def holds(self, texts: GroupTexts) -> Values:
        """Whether the guard holds for a group of the alert's metric, at each point."""
        turns = self.turns.get(tuple(texts[position] for position in self.positions))
        if turns is None:
            return self.holds_over_nothing
        steps = np.zeros(len(self.holds_over_nothing), dtype=np.int8)
        steps[turns] = 1
        holds: Values = np.cumsum(steps, dtype=np.int32) % 2 == 1
        return holds


def guarded(line: GroupLine, guards: Sequence[GuardTurns]) -> GroupLine:
    """The line, with no value at the points at which a guard does not hold."""
    if not guards:
        return line
    holds = np.logical_and.reduce([guard.holds(line.texts) for guard in guards])
    values = np.asarray(line.values, dtype=np.float64)
    return replace(line, values=np.where(holds, values, np.nan))


def _turns(guard: Guard, values: Values) -> Turns:
    with np.errstate(invalid="ignore"):
        holds = np.isfinite(values) & COMPARE[guard.operator](values, guard.threshold)
    return np.flatnonzero(np.diff(holds, prepend=False)).astype(np.int32)
