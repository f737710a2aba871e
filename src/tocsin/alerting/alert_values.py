"""The values that an alert is evaluated with: the rows of its metric, and those of its guards.

Both come from one calculation, so from one instant and from shared scans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.errors import QueryTooHeavy, Stopping, TocsinError
from tocsin.metrics.calculator import Calculator
from tocsin.model.alerts.alert import Alert, Value
from tocsin.model.alerts.guards import GuardRows, Guards, unmatched_fields
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.metrics.answer import Answer, Reading
from tocsin.model.metrics.metric import Metric
from tocsin.store.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Answers:
    """By the id of a metric, its answer, and the value of a group without a row in it."""

    of_metric: Mapping[UUID, Answer | TocsinError]
    without_row: Mapping[UUID, Value]


@dataclass(frozen=True, slots=True)
class AlertMetrics:
    """The metric that an alert watches, and the metrics of its guards, in the order of these."""

    watched: Metric
    guards: tuple[Metric, ...] = ()

    @property
    def all(self) -> tuple[Metric, ...]:
        return self.watched, *self.guards


@dataclass(frozen=True, slots=True)
class AlertValues:
    readings: Sequence[Reading] = ()
    guards: Guards = ()


def metrics_of(alert: Alert, metrics: Metrics) -> AlertMetrics:
    """Raises NotFound."""
    watched, *guards = map(metrics.get, alert.metric_ids)
    return AlertMetrics(watched, tuple(guards))


def calculate(calculator: Calculator, metrics: Iterable[AlertMetrics], at: datetime) -> Answers:
    """The answers of alerts' metrics as of `at`; a metric of several alerts is calculated once."""
    questions = {each.metric_id: each.question for of_alert in metrics for each in of_alert.all}
    answers = calculator.calculate_all(list(questions.values()), at, ANSWERED_GROUPS)
    return Answers(
        dict(zip(questions, answers, strict=True)),
        {id: calculator.empty_value(question, at) for id, question in questions.items()},
    )


def values_of(alert: Alert, metrics: AlertMetrics, answers: Answers) -> AlertValues:
    """Raises the error of an answer: Stopping first, which is no failure of the alert."""
    for metric in metrics.all:
        if isinstance(error := answers.of_metric[metric.metric_id], Stopping):
            raise error
    readings = _readings(metrics.watched, answers, "The metric")
    guards = []
    for guard, metric in zip(alert.only_when, metrics.guards, strict=True):
        name = f"The guard {metric.name}"
        # A change of the groups of a metric is rejected, unless the alert is changed meanwhile.
        if fields := unmatched_fields(metric.question, metrics.watched.question):
            raise TocsinError(f"{name} is grouped by {', '.join(fields)}, and the metric is not")
        readings_of_guard = _readings(metric, answers, name)
        without_row = answers.without_row[metric.metric_id]
        guards.append(GuardRows.of(guard, metric, readings_of_guard, without_row))
    return AlertValues(readings, guards)


def _readings(metric: Metric, answers: Answers, name: str) -> Sequence[Reading]:
    answer = answers.of_metric[metric.metric_id]
    if isinstance(answer, TocsinError):
        raise answer
    if answer.group_count is not None:
        raise QueryTooHeavy(
            f"{name} has {answer.group_count:,} groups; "
            f"an alert evaluates {ANSWERED_GROUPS:,} at most"
        )
    return answer.readings
