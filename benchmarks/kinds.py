"""Measures metrics that consist of others against these: ratios, comparisons, calendar windows,
filter trees.

    python -m benchmarks.kinds --rows 500000

Runs in process. It measures processor time of the process, in turns, and shows the least: other
work on the machine changes it less than the time of day.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.alerts import load
from benchmarks.defining import PROMOTED_WITHIN, reads_json
from benchmarks.kind_cases import COMPARISONS, RATIOS, TREES, Case, Metric, calendar
from benchmarks.words import ms, table
from tocsin.clickhouse.sql.query import Query
from tocsin.config import Settings
from tocsin.metrics.rollups import admission
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime

ROUNDS = 15
WARM_STEP = timedelta(seconds=17)
"""Between two calculations from partial aggregates: windows move by less than a bucket."""
console = Console(width=200)


def main(
    rows: Annotated[int, typer.Option(help="Interactions.")] = 500_000,
    rounds: Annotated[int, typer.Option(help="Calculations of each metric.")] = ROUNDS,
    only: Annotated[str, typer.Option(help="One of ratios, comparisons, calendar, trees.")] = "",
    seed: int = 7,
) -> None:
    # Single calculations are to read the interactions each time.
    admission.SLOW_SECONDS = math.inf
    at = datetime.now(UTC).replace(second=0, microsecond=0)
    kinds = {
        "ratios": RATIOS,
        "comparisons": COMPARISONS,
        "calendar": tuple(calendar(at)),
        "trees": TREES,
    }
    chosen = {name: cases for name, cases in kinds.items() if only in ("", name)}
    with opened() as runtime:
        load(runtime, rows, seed)
        promote(runtime, [case for cases in chosen.values() for case in cases])
        runtime.engine.run_ddl(Query("OPTIMIZE TABLE interactions FINAL"))
        for name, cases in chosen.items():
            meter = Meter(runtime, at, rounds)
            show(name, cases, [meter.alone(case) for case in cases])
            cold, warm = meter.together(cases, is_cached=False), meter.together(cases)
            names = ["", f"{name}: {len(cases)} metrics", "the metrics of which they consist"]
            figures = [("first time", cold), ("from partial aggregates", warm)]
            console.print(table(names, [[text, *map(ms, pair)] for text, pair in figures]), "")


@contextmanager
def opened() -> Iterator[Runtime]:
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        runtime = Runtime(Settings(data_dir=Path(folder), log_level="warning"))
        try:
            yield runtime
        finally:
            runtime.close()


def promote(runtime: Runtime, cases: Sequence[Case]) -> None:
    """Define all metrics, and wait until none of them reads the JSON."""
    questions: list[Question] = []
    for case in cases:
        for metric in (case.metric, *case.others):
            named = {**metric, "name": f"metric {len(questions)}"}
            draft, question = read_metric(named, runtime.catalog)
            runtime.metrics.create(draft, question, runtime.now())
            questions.append(question)
    runtime.promoter.wake()
    deadline = time.monotonic() + PROMOTED_WITHIN
    for question in questions:
        while reads_json(sql := runtime.calculator.explain(question, runtime.now()).sql):
            if time.monotonic() > deadline:
                raise RuntimeError(f"After {PROMOTED_WITHIN:.0f} s this is not promoted:\n{sql}")
            time.sleep(0.2)


class Meter:
    """Measures the processor time of calculations as of an instant, in turns."""

    def __init__(self, runtime: Runtime, at: datetime, rounds: int) -> None:
        self._runtime = runtime
        self._at = at
        self._rounds = rounds

    def alone(self, case: Case) -> list[float]:
        """The least seconds of the metric, and of each of the others."""
        instants = [self._at, *[self._at - case.earlier] * len(case.others)]
        questions = map(self._question, (case.metric, *case.others))
        asks = [
            lambda question=question, at=at: self._runtime.calculator.calculate(question, at)
            for question, at in zip(questions, instants, strict=True)
        ]
        return least(asks, self._rounds)

    def together(self, cases: Sequence[Case], *, is_cached: bool = True) -> tuple[float, float]:
        """The least seconds of all metrics in one calculation, and of all others in one."""
        groups = [
            [self._question(case.metric) for case in cases],
            [self._question(other) for case in cases for other in case.others],
        ]
        results = []
        for questions in groups:
            calculations = 0

            def ask(questions: list[Question] = questions) -> None:
                nonlocal calculations
                calculations += 1
                later = self._at + calculations * WARM_STEP
                self._runtime.calculator.calculate_all(questions, later)

            self._forget()
            for _ in range(3 if is_cached else 0):
                ask()
            before = None if is_cached else self._forget
            results.append(least([ask], self._rounds, before)[0])
        return results[0], results[1]

    def _question(self, metric: Metric) -> Question:
        return read_metric(metric, self._runtime.catalog, name_required=False)[1]

    def _forget(self) -> None:
        store = self._runtime.calculator.cache.store
        rollups = store.keys()
        for key in rollups:
            store.drop(key)


def least(
    asks: Sequence[Callable[[], object]], rounds: int, before: Callable[[], None] | None = None
) -> list[float]:
    """The least processor time of each, measured in turns in changing order."""
    times = [math.inf] * len(asks)
    order = list(range(len(asks)))
    for _ in range(rounds):
        for number in order:
            if before:
                before()
            began = time.process_time()
            asks[number]()
            times[number] = min(times[number], time.process_time() - began)
        order.append(order.pop(0))
    return times


def show(name: str, cases: Sequence[Case], times: Sequence[list[float]]) -> None:
    rows = [
        [
            case.name,
            ms(own),
            ", ".join(map(ms, others)),
            f"{own / max(others):.2f}",
            f"{own / sum(others):.2f}",
        ]
        for case, (own, *others) in zip(cases, times, strict=True)
    ]
    head = [name, "", "the others", "of the dearest", "of all of them"]
    console.print(table(head, rows), "")


if __name__ == "__main__":
    typer.run(main)
