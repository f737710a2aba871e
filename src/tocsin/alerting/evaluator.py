"""Do alerts fire: many at one instant, in few scans, and what came of it kept in one transaction.

An evaluation that fails is a matter of health and changes no state. What is kept is decided in
`store/evaluations.py`: a version that somebody else has changed meanwhile voids what was found.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from tocsin.errors import Stopping, TocsinError
from tocsin.metrics.calculator import Calculator
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.evaluation import Finding, Group, Standing, groups_of
from tocsin.model.alerts.judging import Judgement, judge, judge_rising
from tocsin.model.alerts.state import AlertState, Key, key_of
from tocsin.model.alerts.transition import Transition
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.metrics.metric import Answer, Metric, Reading

log = structlog.get_logger()

_TRIES = 3
_TOO_MANY = f"The metric has {{:,}} groups; an alert looks at {ANSWERED_GROUPS:,} at most"


class Found(Protocol):
    version: int
    evaluated_at: datetime | None
    states: dict[Key, AlertState]


class Alerts(Protocol):
    def steady(self) -> AbstractContextManager[None]: ...
    def all(self) -> list[Alert]: ...


class Metrics(Protocol):
    def steady(self) -> AbstractContextManager[None]: ...
    def get(self, id: UUID) -> Metric: ...


class Evaluations(Protocol):
    def standing(self, id: UUID) -> Standing: ...
    def found(self, ids: Sequence[UUID]) -> Mapping[UUID, Found]: ...
    def keep(self, findings: Sequence[Finding], slot: datetime | None) -> set[UUID]: ...


@dataclass(frozen=True, slots=True)
class _Watch:
    """An alert and everything that is known of it before it is evaluated."""

    alert: Alert
    metric: Metric
    found: Found

    def as_of(self, at: datetime) -> datetime:
        """The instant; or a later one that somebody was faster with, when the alert was looked at
        or defined: it must not be undone by what was true before. One that is further ahead than
        the next slot comes of a clock that was set back."""
        known = (self.found.evaluated_at, self.alert.modified_date, self.metric.modified_date)
        end = at + self.alert.interval.length
        return max((one for one in known if one and at < one < end), default=at)


class Evaluator:
    """Counts since the process started: alerts evaluated, and those of them that failed."""

    def __init__(
        self,
        alerting: Calculator,
        calculator: Calculator,
        alerts: Alerts,
        metrics: Metrics,
        evaluations: Evaluations,
        report: Callable[[], None],
    ) -> None:
        """`alerting` calculates at slots and as interactions arrive, `calculator` on demand: an
        evaluation on demand waits with all other questions, and never delays a slot.

        `report` is called when there are transitions whose interactions are to be recorded."""
        self.evaluated = 0
        self.failed = 0
        self._alerting = alerting
        self._calculator = calculator
        self._alerts = alerts
        self._metrics = metrics
        self._evaluations = evaluations
        self._report = report

    def evaluate(
        self, ids: Sequence[UUID], at: datetime, slot: datetime | None = None
    ) -> list[Finding]:
        """Judge every group of these alerts as of `at`, and take a slot of theirs, if one is given.
        An alert that others have looked at or changed since is judged as of then.

        Answers what was kept: for all that are still there, unless others keep coming first.
        Raises Unavailable if the store fails.
        """
        calculator = self._alerting if slot else self._calculator
        kept: list[Finding] = []
        remaining = list(ids)
        for _ in range(_TRIES):
            kept += self._keep(self._find(remaining, at, judge, calculator), slot)
            done = {finding.alert.alert_id for finding in kept}
            remaining = [id for id in remaining if id not in done]
            if not remaining:
                break
        self.evaluated += len(kept)
        failed = [finding for finding in kept if finding.error]
        self.failed += len(failed)
        if failed:
            # One line however many there are: they mostly fail together, and for one reason.
            log.warning("alerts not evaluated", alerts=len(failed), error=failed[0].error)
        return kept

    def evaluate_rising(self, ids: Sequence[UUID], at: datetime) -> None:
        """Let conditions come true between slots; nothing clears, and failures are left to them."""
        findings = self._find(ids, at, judge_rising, self._alerting)
        self._keep([one for one in findings if one.states and not one.error], None)

    def groups(self, alert: Alert) -> list[Group]:
        """The groups of an alert as of its last evaluation: those that fire, are pending, are OK.

        While the engine does not answer, those that are remembered, with the values they had.
        """
        standing = self._evaluations.standing(alert.alert_id)
        found = self._evaluations.found([alert.alert_id])
        states = found[alert.alert_id].states if found else {}
        values: dict[Key, Reading] = {}
        if standing.evaluated_at:
            values = self._values(alert, standing.evaluated_at)
        return groups_of(states, values)

    def _values(self, alert: Alert, at: datetime) -> dict[Key, Reading]:
        question = self._metrics.get(alert.metric_id).question
        try:
            answer = self._calculator.calculate(
                question, at - alert.evaluation_delay.length, ANSWERED_GROUPS
            )
        except TocsinError as error:
            log.warning("states without values", alert=str(alert.alert_id), error=str(error))
            return {}
        return {key_of(reading.dimensions): reading for reading in answer.readings}

    def _keep(self, findings: Sequence[Finding], slot: datetime | None) -> list[Finding]:
        if not findings:
            return []
        ids = self._evaluations.keep(findings, slot)
        kept = [finding for finding in findings if finding.alert.alert_id in ids]
        if any(finding.transitions for finding in kept):
            self._report()
        return kept

    def _find(
        self,
        ids: Sequence[UUID],
        at: datetime,
        how: Callable[..., Judgement],
        calculator: Calculator,
    ) -> list[Finding]:
        together: dict[tuple[datetime, timedelta], list[_Watch]] = defaultdict(list)
        for watch in self._watches(ids):
            together[watch.as_of(at), watch.alert.evaluation_delay.length].append(watch)
        findings = []
        for (as_of, delay), some in together.items():
            began = time.perf_counter()
            answers = _answers(calculator, some, as_of - delay)
            elapsed = round((time.perf_counter() - began) * 1000, 3)
            findings += [
                _finding(watch, answer, as_of, elapsed, how)
                for watch in some
                # The service stops: that is no failure of an alert.
                if not isinstance(answer := answers[watch.metric.metric_id], Stopping)
            ]
        return findings

    def _watches(self, ids: Sequence[UUID]) -> list[_Watch]:
        """Definitions and states as they belong together."""
        with self._alerts.steady(), self._metrics.steady():
            found = self._evaluations.found(ids)
            return [
                _Watch(alert, self._metrics.get(alert.metric_id), found[alert.alert_id])
                for alert in self._alerts.all()
                if alert.alert_id in found
            ]


def _answers(
    calculator: Calculator, watches: Sequence[_Watch], at: datetime
) -> dict[UUID, Answer | TocsinError]:
    """The answer of each metric, once however many alerts watch it."""
    questions = {watch.metric.metric_id: watch.metric.question for watch in watches}
    answers = calculator.calculate_all(list(questions.values()), at, ANSWERED_GROUPS)
    return dict(zip(questions, answers, strict=True))


def _finding(
    watch: _Watch,
    answer: Answer | TocsinError,
    at: datetime,
    elapsed_ms: float,
    how: Callable[..., Judgement],
) -> Finding:
    alert, version = watch.alert, watch.found.version
    error = _error(answer)
    if error is not None or isinstance(answer, TocsinError):
        return Finding(alert, at, version, elapsed_ms, error)
    judgement = how(alert.rule, watch.found.states, answer.readings, at)
    return Finding(
        alert,
        at,
        version,
        elapsed_ms,
        states=judgement.states,
        transitions=[Transition.of(change, alert, watch.metric) for change in judgement.changes],
        groups=judgement.groups,
        firing=judgement.firing,
    )


def _error(answer: Answer | TocsinError) -> str | None:
    if isinstance(answer, TocsinError):
        return str(answer)
    return None if answer.group_count is None else _TOO_MANY.format(answer.group_count)
