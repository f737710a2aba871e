"""Runs one unit test without a server, in a temporary data folder.

Metrics are calculated as on a server. Alerts are evaluated by a backtest from the start on, at
multiples of their intervals, which gives the same transitions as live evaluation.
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

from pydantic import ValidationError

from tocsin.alerting.backtest import GroupHistory
from tocsin.cli.definition_entries import DefinitionEntry, FileProblems, read_entries
from tocsin.cli.definition_files import DefinitionFile, InvalidDefinitions
from tocsin.cli.definition_references import References
from tocsin.cli.tables import group_text, value_text
from tocsin.cli.test_files import (
    Expectation,
    ExpectedRow,
    ExpectedTransition,
    TimedInteractions,
    UnitTest,
    offset,
)
from tocsin.cli.test_messages import TestRecipients
from tocsin.config import Settings
from tocsin.errors import InvalidInput, Problem
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.alerts.alert import Alert, Value
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.draft import read_alert
from tocsin.model.alerts.state import Dimensions, Reason, StateChange, Status
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.instant import format_instant, to_milliseconds
from tocsin.model.interactions.catalog import DRAFTS, Kind
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import COMPARED, SIDES
from tocsin.model.validation import problems_of
from tocsin.notifications.expected_messages import MAX_CHANGES
from tocsin.runtime import Runtime

Named = TypeVar("Named")

_BATCH = 5_000
_KINDS = {"resourceTypes": Kind.RESOURCE_TYPE, "actions": Kind.ACTION, "origins": Kind.ORIGIN}
_NO_ID = UUID(int=0)
_NAMES = {
    **{kind.value: kind for kind in Kind},
    "alertAction": Kind.ACTION,
    "recoveryAction": Kind.ACTION,
}


class UnitTestRunner:
    """A runtime with the definitions of a file and the interactions of one test."""

    def __init__(self, runtime: Runtime, test: UnitTest) -> None:
        self._runtime = runtime
        self._start = test.start
        self._metrics: dict[str, Metric] = {}
        self._alerts: dict[str, Alert] = {}
        self._recipients = TestRecipients(runtime, test.start)

    def define(self, file: DefinitionFile) -> None:
        """Create the definitions of a file; raises InvalidDefinitions."""
        problems, references = FileProblems(file), References()
        entries = read_entries(file, problems)
        for entry in entries.all():
            if not entry.section.has_keys:
                with _collecting(problems, entry):
                    self._define_entry(entry)
            for scoped in (entry.members, *map(entry.members.get, SIDES)):
                self._ensure_names(scoped)
        for entry in entries.of("metrics"):
            with _collecting(problems, entry):
                self._define_metric(entry, references)
        self._recipients.define(entries, references, problems)
        problems.raise_any("run")
        for entry in entries.of("alerts"):
            with _collecting(problems, entry):
                self._define_alert(entry, references)
        problems.raise_any("run")

    def _define_entry(self, entry: DefinitionEntry) -> None:
        """Create an entry of the catalog, unless it exists."""
        kind = _KINDS[entry.section.name]
        try:
            draft = DRAFTS[kind].model_validate(entry.definition)
        except ValidationError as error:
            raise InvalidInput(problems=problems_of(error)) from error
        if self._runtime.catalog.find(kind, draft.mnemonic) is None:
            self._runtime.catalog.create(kind, draft, self._start)

    def _define_metric(self, entry: DefinitionEntry, references: References) -> None:
        draft, question = read_metric(entry.members, self._runtime.catalog)
        metric = self._runtime.metrics.create(draft, question, self._start)
        references.add("metrics", str(metric.metric_id), entry.members)
        self._metrics.update({text: metric for text in (metric.name, metric.key) if text})

    def _define_alert(self, entry: DefinitionEntry, references: References) -> None:
        problems: list[Problem] = []
        body = references.resolved(entry.section, entry.members, problems)
        if problems:
            raise InvalidInput(problems=problems)
        runtime = self._runtime
        draft = read_alert(body, runtime.catalog, runtime.metrics, runtime.channels)
        alert = draft.alert(_NO_ID, self._start, self._start)
        self._alerts.update({text: alert for text in (alert.title, alert.key) if text})

    def _ensure_names(self, definition: Any) -> None:
        """Add the mnemonics of a definition, or of a side of a RATIO, to the catalog."""
        for member, kind in _NAMES.items() if isinstance(definition, dict) else ():
            if isinstance(definition.get(member), str):
                self._runtime.catalog.ensure(kind, definition[member], self._start)

    def record(self, interactions: Sequence[TimedInteractions]) -> None:
        """Record interactions; raises InvalidDefinitions for one that a server would reject."""
        items = [
            json.dumps({**members, "timestamp": format_instant(at)}).encode()
            for timed in interactions
            for at, members in timed.occurrences(self._start)
        ]
        for first in range(0, len(items), _BATCH):
            part = items[first : first + _BATCH]
            batch = self._runtime.recorder.record_batch(
                part, RequestContext(to_milliseconds(self._start))
            )
            if batch.rejected:
                _, problems = batch.rejected[0]
                raise InvalidDefinitions("An interaction cannot be recorded:", problems)

    def failure(self, expected: Expectation) -> list[str]:
        """The differences from the expectation, in lines; empty if there are none."""
        if expected.metric is not None:
            return self._metric_failure(expected)
        alert = _named(self._alerts, expected.alert, "alert")
        return [
            *(self._alert_failure(alert, expected) if expected.transitions is not None else []),
            *(self._messages_failure(alert, expected) if expected.messages else []),
        ]

    def _metric_failure(self, expected: Expectation) -> list[str]:
        metric = _named(self._metrics, expected.metric, "metric")
        assert expected.at, "validated by Expectation"
        at = self._start + expected.at.length
        readings = self._runtime.calculator.calculate(metric.question, at, ANSWERED_GROUPS).readings
        shows_sides = any(row.sides for row in expected.rows)
        actual = [_row(ExpectedRow.of(reading, with_sides=shows_sides)) for reading in readings]
        rows = [_row(row) for row in expected.rows]
        return _difference(f"{metric.name} at {expected.at}", sorted(rows), sorted(actual))

    def _alert_failure(self, alert: Alert, expected: Expectation) -> list[str]:
        assert expected.until, "validated by Expectation"
        changes = sorted(self._transitions(alert, expected.until.length), key=_order)
        transitions = sorted(expected.transitions or [], key=lambda each: each.at.length)
        if len(changes) == len(transitions) and all(map(self._matches, transitions, changes)):
            return []
        return _difference(
            f"{alert.title} until {expected.until}",
            [
                _transition(str(t.at), t.status, t.dimensions, t.value, t.reason)
                for t in transitions
            ],
            [
                _transition(offset(c.at, self._start), c.status, c.dimensions, c.value, c.reason)
                for c in changes
            ],
            always=True,
        )

    def _messages_failure(self, alert: Alert, expected: Expectation) -> list[str]:
        assert expected.until, "validated by Expectation"
        metric = self._runtime.metrics.get(alert.metric_id)
        forecast = self._runtime.message_forecaster.forecast(alert, metric)
        for _ in forecast.watching(self._histories(alert, expected.until.length)):
            pass
        messages = forecast.messages(self._start + expected.until.length)
        if not forecast.is_complete:
            raise InvalidDefinitions(f"{alert.title} has more than {MAX_CHANGES:,} transitions.")
        lines: list[str] = []
        for each in expected.messages or []:
            name, expected_lines, actual = self._recipients.differences(each, messages)
            title = f"{alert.title} until {expected.until}, messages to {name}"
            lines += _difference(title, expected_lines, actual)
        return lines

    def _transitions(self, alert: Alert, length: timedelta) -> list[StateChange]:
        histories = self._histories(alert, length)
        return [change for history in histories for change in history.changes]

    def _histories(self, alert: Alert, length: timedelta) -> Iterator[GroupHistory]:
        count = max(length // alert.interval.length, 1)
        span = PastSpan.model_validate(
            {
                "from": self._start,
                "to": self._start + count * alert.interval.length,
                "step": alert.interval,
            }
        )
        return self._runtime.alert_service.backtest(alert, span)

    def _matches(self, expected: ExpectedTransition, change: StateChange) -> bool:
        given = expected.model_fields_set
        return (
            self._start + expected.at.length == change.at
            and expected.status is change.status
            and ("dimensions" not in given or expected.dimensions == change.dimensions)
            and ("value" not in given or expected.value == change.value)
            and ("reason" not in given or expected.reason is change.reason)
        )


@contextmanager
def bench(test: UnitTest) -> Iterator[UnitTestRunner]:
    with tempfile.TemporaryDirectory(prefix="tocsin-test-") as folder:
        settings = Settings(
            data_dir=Path(folder),
            # Never the servers that the environment names.
            database_url=None,
            clickhouse_url=None,
            retention=None,
            strict_catalog=False,
        )
        runtime = Runtime(settings)
        try:
            yield UnitTestRunner(runtime, test)
        finally:
            runtime.close()


@contextmanager
def _collecting(problems: FileProblems, entry: DefinitionEntry) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        for problem in error.problems:
            problems.add(entry, problem)


def _named(definitions: dict[str, Named], name: str | None, noun: str) -> Named:
    definition = definitions.get(name or "")
    if definition is None:
        raise InvalidDefinitions(f"The file defines no {noun} {name}.")
    return definition


def _row(row: ExpectedRow) -> str:
    joint = " vs " if COMPARED[0] in row.sides else " of "
    texts = (
        value_text(row.value),
        joint.join(map(value_text, row.sides.values())),
        group_text(row.dimensions).plain,
    )
    return "  ".join(text for text in texts if text)


def _transition(
    at: str, status: Status, dimensions: Dimensions, value: Value, reason: Reason | None
) -> str:
    parts = [at, status, value_text(value), group_text(dimensions).plain, reason or ""]
    return "  ".join(part for part in parts if part)


def _order(change: StateChange) -> tuple[Any, ...]:
    return (change.at, json.dumps(change.dimensions))


def _difference(
    title: str, expected: list[str], actual: list[str], *, always: bool = False
) -> list[str]:
    """The lines of a difference: a minus marks missing lines, a plus unexpected ones."""
    if expected == actual and not always:
        return []
    lines = difflib.ndiff(expected, actual)
    return [title, *(f"  {line}" for line in lines if not line.startswith("?"))]
