"""Whether partial results are worth keeping: for questions that are slow to read, asked again, and
answered sooner by them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

SLOW_SECONDS = 0.008
"""Completing a rollup takes half of that; what is read faster than this needs none."""
SLOW_TIMES = 2
SLOWER_TIMES = 3
"""So many answers in a row that were slower than reading end a rollup: one may be by chance."""
READ_INSTEAD = 100
"""So many times the question is then read before partial results are tried again."""
MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class _Times:
    """What is known of one question."""

    slow: int = 0
    read_seconds: float = float("inf")
    slower: int = 0
    is_made: bool = False


class Worth:
    """Compares, for each question, how long it took to read and to answer from partial results."""

    def __init__(self) -> None:
        self._times: dict[Hashable, _Times] = {}

    def note_read(self, question: Hashable, seconds: float) -> None:
        """The question was read from the interactions."""
        times = self._of(question)
        if seconds >= SLOW_SECONDS:
            times.slow += 1
        times.read_seconds = min(times.read_seconds, seconds)

    def note_answered(self, question: Hashable, seconds: float) -> bool:
        """The question was answered from partial results; whether they are to be dropped.

        The first answer does not count: it made them."""
        times = self._of(question)
        times.slower = times.slower + 1 if seconds > times.read_seconds and times.is_made else 0
        times.is_made = True
        if times.slower < SLOWER_TIMES:
            return False
        self._times[question] = _Times(slow=SLOW_TIMES - READ_INSTEAD)
        return True

    def is_worth_it(self, question: Hashable) -> bool:
        times = self._times.get(question)
        return times is not None and times.slow >= SLOW_TIMES

    def _of(self, question: Hashable) -> _Times:
        if len(self._times) >= MAX_REMEMBERED:
            self._times.clear()
        return self._times.setdefault(question, _Times())
