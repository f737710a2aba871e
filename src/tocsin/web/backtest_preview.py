"""How an alert would have done: its metric's last day, and when it would have fired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.alerting.backtest import BacktestInput, GroupHistory
from tocsin.model.alerts.alert import Alert, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.state import StateChange, Status
from tocsin.model.duration import MINUTE, Duration
from tocsin.model.metrics.metric import Question
from tocsin.runtime import Runtime
from tocsin.web import formatting
from tocsin.web.charts import Range, chart

DAYS = 30

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a backtest comes to."""

    sentence: str
    chart: dict[str, Any]


def tried(runtime: Runtime, alert: Alert, over: Range) -> Verdict:
    """The alert over the last 30 days, drawn over a range; raises what a calculation raises."""
    question = runtime.metrics.get(alert.metric_id).question
    to = over.to
    step = max(alert.interval, MINUTE, key=lambda duration: duration.length)
    span = PastSpan.model_validate({"from": to - timedelta(days=DAYS), "to": to, "step": step})
    trial = BacktestInput(alert.rule, question, alert.evaluation_delay.length)
    pasts = [_stretches(past, to) for past in runtime.backtester.backtest(trial, span)]
    stretches = [stretch for found in pasts for stretch in found]
    said = _sentence(stretches, sum(map(bool, pasts)), len(pasts), step)
    return Verdict(said, drawn(runtime, question, alert.rule, over, stretches))


def drawn(
    runtime: Runtime, question: Question, rule: Rule, over: Range, stretches: Iterable[Stretch]
) -> dict[str, Any]:
    """The metric's chart with the threshold, and the stretches in which something fired."""
    series = runtime.calculator.series(question, over.start, over.to, over.step)
    seen = _joined((start, end) for start, end in stretches if end >= over.start)
    return {
        **chart(series, question),
        "stacks": False,
        "threshold": rule.threshold,
        "recovery": rule.recovery_threshold,
        "stretches": [(max(start, over.start).timestamp(), end.timestamp()) for start, end in seen],
    }


def stretches_of(changes: Iterable[StateChange], now: datetime) -> list[Stretch]:
    """From when to when something fired; the changes are the newest first, as they are listed."""
    stretches: list[Stretch] = []
    open_groups: set[tuple[Any, datetime]] = set()
    for change in changes:
        group = (tuple((change.dimensions or {}).values()), change.fired_at)
        if change.status is Status.OK:
            open_groups.add(group)
            stretches.append((change.fired_at, change.at))
        elif group not in open_groups:
            stretches.append((change.at, now))
    return stretches


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The stretches in which at least one group fired, in order: those that overlap are one."""
    joined: list[Stretch] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _stretches(past: GroupHistory, to: datetime) -> list[Stretch]:
    return stretches_of(reversed(past.changes), to)


def _sentence(stretches: list[Stretch], fired_groups: int, groups: int, step: Duration) -> str:
    looked = f"in the last {DAYS} days, looked at every {step}"
    if not stretches:
        return f"Would not have fired {looked}."
    times = len(stretches)
    longest = max(end - start for start, end in stretches)
    often = "once" if times == 1 else f"{times:,} times"
    which = f", in {fired_groups:,} of {groups:,} groups" if groups > 1 else ""
    length = (
        f"for {formatting.duration(longest)}"
        if times == 1
        else (f"the longest {formatting.duration(longest)}")
    )
    return f"Would have fired {often} {looked}{which}, {length}."
