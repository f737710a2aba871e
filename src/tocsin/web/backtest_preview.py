"""The preview of an alert: when it would have fired, and the last day of its metric."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.model.alerts.alert import Alert, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.state import StateChange, Status
from tocsin.model.duration import MINUTE, Duration, spelled
from tocsin.model.metrics.question import Question
from tocsin.model.notifications.planned_messages import MessageKind
from tocsin.notifications.expected_messages import RecipientMessages
from tocsin.runtime import Runtime
from tocsin.web.charts import Range, chart

DAYS = 30

FiringPeriod = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class BacktestSummary:
    sentence: str
    messages: list[str]
    chart: dict[str, Any]


def summarize_backtest(runtime: Runtime, alert: Alert, over: Range) -> BacktestSummary:
    """The backtest of an alert over the last 30 days, with the metric's chart over a range.

    Raises the errors of a calculation.
    """
    metric = runtime.metrics.get(alert.metric_id)
    to = over.to
    step = max(alert.interval, MINUTE, key=lambda duration: duration.length)
    span = PastSpan.model_validate({"from": to - timedelta(days=DAYS), "to": to, "step": step})
    forecast = runtime.message_forecaster.forecast(alert, metric)
    groups = [
        firing_periods(reversed(past.changes), to)
        for past in forecast.watching(runtime.alert_service.backtest(alert, span))
    ]
    periods = [period for group in groups for period in group]
    sentence = _sentence(periods, sum(map(bool, groups)), len(groups), step)
    chart = chart_with_threshold(runtime, metric.question, alert.rule, over, periods)
    messages = list(map(_messages, forecast.messages(to)))
    return BacktestSummary(sentence, messages, chart)


def _messages(of: RecipientMessages) -> str:
    """`3 messages to on-call, of which 1 reminder, 2 more silenced`"""
    count, reminders = len(of.sent), of.count(MessageKind.REMINDER)
    noun = "message" if count == 1 else "messages"
    text = f"{count:,} {noun} to {of.recipient.channel.spec.name}"
    if reminders:
        text += f", of which {reminders:,} reminder{'s' if reminders != 1 else ''}"
    return text + (f", {of.silenced:,} more silenced" if of.silenced else "")


def chart_with_threshold(
    runtime: Runtime,
    question: Question,
    rule: Rule,
    over: Range,
    periods: Iterable[FiringPeriod],
) -> dict[str, Any]:
    """The metric's chart with the threshold and the periods in which the alert was firing."""
    series = runtime.calculator.series(question, over.start, over.to, over.step)
    visible = _merged((start, end) for start, end in periods if end >= over.start)
    return {
        **chart(series, question),
        "stacks": False,
        "threshold": rule.threshold,
        "recovery": rule.recovery_threshold,
        "firing": [(max(start, over.start).timestamp(), end.timestamp()) for start, end in visible],
    }


def firing_periods(changes: Iterable[StateChange], now: datetime) -> list[FiringPeriod]:
    """The periods in which groups were firing; the changes are given newest first.

    A group that has not recovered is firing until now.
    """
    periods: list[FiringPeriod] = []
    recovered: set[tuple[Any, datetime]] = set()
    for change in changes:
        group = (tuple((change.dimensions or {}).values()), change.fired_at)
        if change.status is Status.OK:
            recovered.add(group)
            periods.append((change.fired_at, change.at))
        elif group not in recovered:
            periods.append((change.at, now))
    return periods


def _merged(periods: Iterable[FiringPeriod]) -> list[FiringPeriod]:
    """The periods in which at least one group was firing, in order, without overlaps."""
    merged: list[FiringPeriod] = []
    for start, end in sorted(periods):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _sentence(periods: list[FiringPeriod], fired_groups: int, groups: int, step: Duration) -> str:
    evaluated = f"in the last {DAYS} days, evaluated every {step}"
    if not periods:
        return f"Would not have fired {evaluated}."
    times = len(periods)
    longest = max(end - start for start, end in periods)
    often = "once" if times == 1 else f"{times:,} times"
    which = f", in {fired_groups:,} of {groups:,} groups" if groups > 1 else ""
    length = f"for {spelled(longest)}" if times == 1 else f"at most for {spelled(longest)}"
    return f"Would have fired {often} {evaluated}{which}, {length}."
