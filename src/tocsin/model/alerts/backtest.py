"""The request of a backtest: an alert and a span of the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from tocsin.errors import InvalidInput, Problem
from tocsin.model.duration import Duration, between
from tocsin.model.time_range import TimeRange
from tocsin.model.validation import problems_of

MAX_POINTS = 500_000
ALERT, ALERT_ID = "alert", "alertId"

Step = Annotated[Duration, AfterValidator(between("10s", "24h"))]


class PastSpan(TimeRange):
    """The members `from`, `to` and `step`. The alert is evaluated at `to`, `to - step` and so on,
    while the instant is later than `from`."""

    step: Step

    @property
    def points(self) -> int:
        return self.count(self.step)


@dataclass(frozen=True, slots=True)
class BacktestDraft:
    """A span, and either the id of an alert or a definition that is not validated yet."""

    span: PastSpan
    alert_id: Any
    definition: Any


def read_backtest(body: Any) -> BacktestDraft:
    """Validate the span and the reference to the alert; raises InvalidInput with every problem."""
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object with alert or alertId, from, to and step")
    problems = []
    if (body.get(ALERT) is None) == (body.get(ALERT_ID) is None):
        problems.append(Problem(ALERT, f"or {ALERT_ID} is required, and not both"))
    span = None
    try:
        span = PastSpan.model_validate(
            {k: v for k, v in body.items() if k not in (ALERT, ALERT_ID)}
        )
        problems += _span_problems(span)
    except ValidationError as error:
        problems += problems_of(error)
    if problems or span is None:
        raise InvalidInput(problems=problems)
    return BacktestDraft(span, body.get(ALERT_ID), body.get(ALERT))


def _span_problems(span: PastSpan) -> list[Problem]:
    if span.start >= span.to:
        return [Problem("from", "must be earlier than to")]
    if span.points > MAX_POINTS:
        count = f"makes {span.points:,} evaluations; the maximum is {MAX_POINTS:,}"
        return [Problem("step", f"{count}. Use a larger step or a shorter span")]
    return []


def with_body_paths(problems: InvalidInput) -> InvalidInput:
    """The problems of the definition; each path starts at the root of the request body."""
    return InvalidInput(
        problems=[
            Problem(f"{ALERT}.{p.field}" if p.field else ALERT, p.message)
            for p in problems.problems
        ]
    )
