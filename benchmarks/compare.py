"""Times one question in each system, after their answers were found equal.

The systems alternate within a round, in changing order, so that a disturbance affects all of them.
Each round is as of another instant, so that no system answers from a cache of the question: in real
use, `at` is always now.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from benchmarks.queries import Case

TOLERANCE = 1e-9
TRIALS, TRIAL_SECONDS = 3, 2.0
WARM_ROUNDS = 2
LEAST_RUNS, MOST_RUNS = 3, 40
CASE_SECONDS = 20.0
MILLISECOND = timedelta(milliseconds=1)

Answer = dict[tuple[str | None, ...], float | None]


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Asker:
    """One question to one system: `ask` is timed, what is before and after it is not."""

    ask: Callable[[datetime], Any]
    read: Callable[[Any], Answer]
    spelling: str
    before: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each run."""

    runs: list[float]

    @property
    def median(self) -> float:
        return median(self.runs)

    @property
    def p95(self) -> float:
        return percentile(self.runs, 95)


@dataclass(frozen=True, slots=True)
class Result:
    """A question, the rows of its answer, and by system what was asked and how long it took."""

    name: str
    is_scoped_window: bool
    answer_rows: int
    spellings: dict[str, str]
    timings: dict[str, Timing]
    peak: int = 0  # bytes resident at most, of the server that was asked

    def with_peak(self, peak: int) -> Result:
        return replace(self, peak=peak)


def fastest(candidates: Sequence[Asker], at: datetime) -> Asker:
    """The one whose best of a few trials is best."""
    trials = {number: _try(candidate, at) for number, candidate in enumerate(candidates)}
    return candidates[min(trials, key=lambda number: trials[number])]


def _try(candidate: Asker, at: datetime) -> float:
    """The best of some runs, each as of another instant: of fewer, where one takes long."""
    began = time.monotonic()
    runs: list[float] = []
    while len(runs) < TRIALS and (not runs or time.monotonic() - began < TRIAL_SECONDS):
        runs.append(_ask_once(candidate, at - len(runs) * MILLISECOND)[0])
    return min(runs)


def compare(
    case: Case, askers: Mapping[str, Asker], until: datetime, step: timedelta = MILLISECOND
) -> Result:
    """Ask all, in turns, each round as of `step` earlier; RuntimeError as soon as two answers to
    one question differ."""
    runs: dict[str, list[float]] = {name: [] for name in askers}
    order = list(askers)
    answers: dict[str, Answer] = {}
    began = time.monotonic()
    for round_number in range(-WARM_ROUNDS, MOST_RUNS):
        if round_number >= LEAST_RUNS and time.monotonic() - began > CASE_SECONDS:
            break
        at = until - (round_number + WARM_ROUNDS) * step
        for name in order:
            seconds, answers[name] = _ask_once(askers[name], at)
            if round_number >= 0:
                runs[name].append(seconds)
        check_equal(f"{case.name} as of {at}", answers)
        order.append(order.pop(0))
    timings = {name: Timing(seconds) for name, seconds in runs.items()}
    spellings = {name: asker.spelling for name, asker in askers.items()}
    return Result(case.name, case.is_scoped_window, len(answers[order[0]]), spellings, timings)


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile by the method of the nearest rank."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def _ask_once(asker: Asker, at: datetime) -> tuple[float, Answer]:
    asker.before()
    began = time.perf_counter()
    content = asker.ask(at)
    seconds = time.perf_counter() - began
    return seconds, asker.read(content)


def check_equal(name: str, answers: Mapping[str, Answer]) -> None:
    """RuntimeError if two systems answer differently."""
    (first, expected), *others = answers.items()
    for second, answer in others:
        if answer.keys() != expected.keys() or not all(
            _is_close(value, answer[key]) for key, value in expected.items()
        ):
            raise RuntimeError(f"{name}: {first} answers {expected}, {second} answers {answer}.")


def _is_close(value: float | None, other: float | None) -> bool:
    if value is None or other is None:
        return value is other
    return math.isclose(value, other, rel_tol=TOLERANCE)
