"""Runs one unit test without a server: in a data folder of its own, which is thrown away.

Metrics are calculated as a server would; alerts are tried from the start on, at multiples of their
intervals, by what answers a backtest: that is what evaluating live gives.
"""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from tocsin.alerting.backtest import BacktestInput
from tocsin.cli.definition_files import Definition, UnusableDefinitions
from tocsin.cli.metric_references import with_metric_ids
from tocsin.cli.tables import group_text, value_text
from tocsin.cli.test_files import Expectation, Happening, Row, Told, UnitTest, offset
from tocsin.config import Settings
from tocsin.errors import InvalidInput, Problem
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Alert, Value
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.draft import read_alert
from tocsin.model.alerts.state import Dimensions, Reason, StateChange, Status
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.instant import format_instant, to_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.metric import Metric
from tocsin.runtime import Runtime

Thing = TypeVar("Thing")

_BATCH = 5_000
_NO_ID = UUID(int=0)
_NAMES = {
    **{kind.value: kind for kind in Kind},
    "alertAction": Kind.ACTION,
    "recoveryAction": Kind.ACTION,
}


class Bench:
    """A runtime with the definitions of a file and the interactions of one test."""

    def __init__(self, runtime: Runtime, test: UnitTest) -> None:
        self._runtime = runtime
        self._start = test.start
        self._metrics: dict[str, Metric] = {}
        self._alerts: dict[str, Alert] = {}

    def define(
        self, metrics: Sequence[Definition], alerts: Sequence[Definition], file: str
    ) -> None:
        """Raises UnusableDefinitions."""
        runtime, at = self._runtime, self._start
        for definition in [*metrics, *alerts]:
            for member, kind in _NAMES.items():
                if isinstance(definition.get(member), str):
                    runtime.catalog.ensure(kind, definition[member], at)
        problems: list[Problem] = []
        for definition in metrics:
            with _collecting(problems, definition["name"]):
                draft, question = read_metric(definition, runtime.catalog)
                metric = runtime.metrics.create(draft, question, at)
                self._metrics[metric.name] = metric
        known = [{"name": m.name, "metricId": m.metric_id} for m in self._metrics.values()]
        for definition in with_metric_ids(alerts, known, file) if not problems else []:
            with _collecting(problems, definition["title"]):
                alert = read_alert(definition, runtime.catalog, runtime.metrics)
                self._alerts[definition["title"]] = alert.alert(_NO_ID, at, at)
        if problems:
            raise UnusableDefinitions(f"{file} cannot be run:", problems)

    def record(self, happenings: Sequence[Happening]) -> None:
        """Raises UnusableDefinitions for an interaction that a server would reject."""
        items = [
            json.dumps({**happening.interaction, "timestamp": format_instant(at)}).encode()
            for happening in happenings
            for at in happening.instants(self._start)
        ]
        for first in range(0, len(items), _BATCH):
            part = items[first : first + _BATCH]
            batch = self._runtime.recorder.record_batch(
                part, RequestContext(to_milliseconds(self._start))
            )
            if batch.rejected:
                _, problems = batch.rejected[0]
                raise UnusableDefinitions("An interaction cannot be recorded:", problems)

    def failure(self, expected: Expectation) -> list[str]:
        """What is otherwise than expected, in lines; nothing if all is as it should be."""
        if expected.metric is not None:
            return self._metric_failure(expected)
        return self._alert_failure(expected)

    def _metric_failure(self, expected: Expectation) -> list[str]:
        metric = _named(self._metrics, expected.metric, "metric")
        assert expected.at, "an expectation of a metric has it"
        at = self._start + expected.at.length
        readings = self._runtime.calculator.calculate(metric.question, at, ANSWERED_GROUPS).readings
        got = [_row(Row(value=r.value, dimensions=r.dimensions)) for r in readings]
        wanted = [_row(row) for row in expected.rows]
        return _difference(f"{metric.name} at {expected.at}", sorted(wanted), sorted(got))

    def _alert_failure(self, expected: Expectation) -> list[str]:
        alert = _named(self._alerts, expected.alert, "alert")
        assert expected.until, "an expectation of an alert has it"
        told = sorted(self._transitions(alert, expected.until.length), key=_order)
        wanted = sorted(expected.transitions or [], key=lambda one: one.at.length)
        if len(told) == len(wanted) and all(map(self._is_told, wanted, told)):
            return []
        return _difference(
            f"{alert.title} until {expected.until}",
            [_transition(str(w.at), w.status, w.dimensions, w.value, w.reason) for w in wanted],
            [
                _transition(offset(c.at, self._start), c.status, c.dimensions, c.value, c.reason)
                for c in told
            ],
            always=True,
        )

    def _transitions(self, alert: Alert, length: timedelta) -> list[StateChange]:
        question = self._runtime.metrics.get(alert.metric_id).question
        count = max(length // alert.interval.length, 1)
        span = PastSpan.model_validate(
            {
                "from": self._start,
                "to": self._start + count * alert.interval.length,
                "step": alert.interval,
            }
        )
        trial = BacktestInput(alert.rule, question, alert.evaluation_delay.length)
        pasts = self._runtime.backtester.backtest(trial, span)
        return [change for past in pasts for change in past.changes]

    def _is_told(self, wanted: Told, change: StateChange) -> bool:
        said = wanted.model_fields_set
        return (
            self._start + wanted.at.length == change.at
            and wanted.status is change.status
            and ("dimensions" not in said or wanted.dimensions == change.dimensions)
            and ("value" not in said or wanted.value == change.value)
            and ("reason" not in said or wanted.reason is change.reason)
        )


@contextmanager
def bench(test: UnitTest) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="tocsin-test-") as folder:
        settings = Settings(data_dir=Path(folder), retention=None, strict_catalog=False)
        runtime = Runtime(settings)
        try:
            yield Bench(runtime, test)
        finally:
            runtime.close()


@contextmanager
def _collecting(problems: list[Problem], name: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        problems += [Problem(f"{name}: {p.field}", p.message) for p in error.problems]


def _named(things: dict[str, Thing], name: str | None, word: str) -> Thing:
    found = things.get(name or "")
    if found is None:
        raise UnusableDefinitions(f"The file defines no {word} {name}.")
    return found


def _row(row: Row) -> str:
    return f"{value_text(row.value)}  {group_text(row.dimensions)}".rstrip()


def _transition(
    at: str, status: Status, dimensions: Dimensions, value: Value, reason: Reason | None
) -> str:
    parts = [at, status, value_text(value), group_text(dimensions).plain, reason or ""]
    return "  ".join(part for part in parts if part)


def _order(change: StateChange) -> tuple[Any, ...]:
    return (change.at, json.dumps(change.dimensions))


def _difference(what: str, wanted: list[str], got: list[str], *, always: bool = False) -> list[str]:
    """Lines of a difference: what lacks with a minus, what is too much with a plus."""
    if wanted == got and not always:
        return []
    lines = difflib.ndiff(wanted, got)
    return [what, *(f"  {line}" for line in lines if not line.startswith("?"))]
