"""Each file in `metrics/` is a metric, the SQL that it runs, and its answer over
`interactions.ndjson` as of 2026-03-20T14:30Z, unless it says `at`; with columns for its fields
if it says `promoted`.

`pytest tests/golden --rewrite-golden` writes what is answered now; read the difference before
you commit it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from support.golden import pretty, shown
from tocsin.clickhouse.sql.compiler import compile_metric
from tocsin.clickhouse.sql.points import Midnights, Points, SeriesPoints
from tocsin.clickhouse.sql.series import compile_series
from tocsin.clickhouse.sql.sides import compile_groups_of_sides, compile_sides
from tocsin.metrics.column_promoter import ColumnReconciler
from tocsin.model.instant import format_instant, parse_instant
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.window import Window
from tocsin.runtime import Runtime

HERE = Path(__file__).parent
FILES = sorted((HERE / "metrics").glob("*.yaml"))
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_metric_compiles_to_its_sql_and_has_its_answer(
    file: Path, recorded: Runtime, request: pytest.FixtureRequest
) -> None:
    golden = yaml.safe_load(file.read_text(encoding="utf-8"))
    _, question = read_metric(golden["metric"], recorded.catalog)
    if "series" in golden:
        actual = series_of(recorded, question, golden["series"])
    else:
        at = parse_instant(golden["at"]) if "at" in golden else AT
        with promoted(recorded, [question] if golden.get("promoted") else []):
            actual = answer_of(recorded, question, at)
    if request.config.getoption("--rewrite-golden"):
        kept = {
            name: golden[name] for name in ("metric", "series", "at", "promoted") if name in golden
        }
        file.write_text(pretty({**kept, **actual}), encoding="utf-8")
        return
    assert {name: golden.get(name) for name in actual} == actual


@contextmanager
def promoted(runtime: Runtime, questions: list[Question]) -> Iterator[None]:
    """The fields of the questions have materialized columns meanwhile."""
    reconciler = ColumnReconciler(runtime.engine, timedelta(0))
    reconciler.reconcile(reconciler.desired(questions, AT), AT)
    yield
    reconciler.reconcile(reconciler.desired([], AT), AT)


def answer_of(runtime: Runtime, question: Question, at: datetime) -> dict[str, Any]:
    table = runtime.calculator.table_as_of(at)
    query = (
        compile_sides(question, at, table)
        if question.is_joined
        else compile_metric(question, at, 10_000, table)
    )
    answer = runtime.calculator.calculate(question, at)
    rows = [msgspec.to_builtins(reading) for reading in answer.readings]
    return {**shown(runtime, query), "answer": rows}


def series_of(runtime: Runtime, question: Question, span: dict[str, str]) -> dict[str, Any]:
    start, to = parse_instant(span["from"]), parse_instant(span["to"])
    calculator, step, timezone = runtime.calculator, span["step"], span.get("timezone")
    points: SeriesPoints
    if timezone:
        points = Midnights.between(start, to, timezone)
        series = calculator.series_by_days(question, start, to, timezone)
    else:
        length = Window.parse(step).length
        points = Points.between(start, to, length)
        series = calculator.series(question, start, to, length)
    table = calculator.table()
    if question.is_joined:
        query = compile_groups_of_sides(question, points, table)
    else:
        query = compile_series(question, points, table)
    lines = [
        {
            "dimensions": line.dimensions,
            "points": {format_instant(at): value for at, value in line.points},
        }
        for line in series.lines
    ]
    return {**shown(runtime, query), "answer": lines}
