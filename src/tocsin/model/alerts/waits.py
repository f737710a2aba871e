"""Rejects waits that a calendar window can never fulfil ("Evaluation" in docs/reference/alerts.md).

With a wait that is longer than the period, the condition would have to hold for longer than its
value is about one period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tocsin.errors import Problem
from tocsin.model.alerts.alert import Alert
from tocsin.model.duration import Duration
from tocsin.model.metrics.calendar import CalendarWindow
from tocsin.model.metrics.question import Question


def wait_problems(wait: Duration, question: Question) -> Iterator[Problem]:
    """The problem of an alert's `for` with the question of its metric."""
    longest = _longest(wait, question)
    if longest is not None:
        yield Problem("for", f"must be at most {longest}d: the period of the metric's window")


def window_problems(question: Question, alerts: Iterable[Alert]) -> Iterator[Problem]:
    """The problem of a metric's new question with the alerts that watch it."""
    for alert in alerts:
        if _longest(alert.rule.for_, question) is not None:
            yield Problem(
                "timeWindow",
                f"is shorter than for, {alert.rule.for_}, of the alert {alert.title}",
            )


def _longest(wait: Duration, question: Question) -> int | None:
    """The days of the period of the question's window, if the wait is longer."""
    window = question.time_window
    if isinstance(window, CalendarWindow) and wait.length > window.name.shortest:
        return window.name.shortest.days
    return None
