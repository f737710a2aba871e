"""What does a file of unit tests say: which interactions happen, and what is expected of it?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.cli.definition_files import UnusableDefinitions
from tocsin.errors import Problem
from tocsin.model.alerts.state import Dimensions, Reason, Status
from tocsin.model.duration import NONE, Duration
from tocsin.model.time_range import Instant
from tocsin.model.validation import problems_of

MAX_TIMES = 100_000
_START = datetime.fromisoformat("2026-01-01T00:00:00Z")
_STRICT = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Happening(BaseModel):
    """Interactions that happen `times` times, the first `at` so long after the start; all other
    members are those of the interaction."""

    model_config = ConfigDict(frozen=True, extra="allow")

    at: Duration
    times: Annotated[int, Member(ge=1, le=MAX_TIMES)] = 1
    every: Duration = NONE

    @property
    def interaction(self) -> dict[str, Any]:
        return self.model_extra or {}

    def instants(self, start: datetime) -> list[datetime]:
        return [start + self.at.length + n * self.every.length for n in range(self.times)]


class Row(BaseModel):
    model_config = _STRICT

    value: float | int | None
    dimensions: Dimensions = None


class Told(BaseModel):
    """A transition that is expected; what is left out may be anything."""

    model_config = _STRICT

    at: Duration
    status: Status
    dimensions: Dimensions = None
    value: float | int | None = None
    reason: Reason | None = None


class Expectation(BaseModel):
    """Of a metric its rows at an instant; of an alert its transitions until then, all of them."""

    model_config = _STRICT

    metric: str | None = None
    alert: str | None = None
    at: Duration | None = None
    until: Duration | None = None
    value: float | int | None = None
    results: list[Row] | None = None
    transitions: list[Told] | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Expectation:
        if (self.metric is None) == (self.alert is None):
            raise ValueError("must name a metric or an alert, and not both")
        if self.metric is not None and self.at is None:
            raise ValueError("needs at: when the metric is calculated")
        if self.alert is not None and (self.until is None or self.transitions is None):
            raise ValueError("needs until and transitions, which may be []")
        return self

    @property
    def rows(self) -> list[Row]:
        return [Row(value=self.value)] if self.results is None else self.results


class UnitTest(BaseModel):
    model_config = _STRICT

    name: str
    start: Instant = _START
    interactions: list[Happening] = []
    expect: Annotated[list[Expectation], Member(min_length=1)]


def read_tests(content: Any, file: str) -> list[UnitTest]:
    """The tests of a file; raises UnusableDefinitions with everything that is wrong."""
    listed = content.get("tests") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        raise UnusableDefinitions(f"{file} must have a list of tests under tests:")
    tests, problems = [], []
    for number, test in enumerate(listed):
        try:
            tests.append(UnitTest.model_validate(test))
        except ValidationError as error:
            place = f"tests[{number}]"
            problems += [
                Problem(f"{place}.{p.field}" if p.field else place, p.message)
                for p in problems_of(error)
            ]
    if problems:
        raise UnusableDefinitions(f"{file} cannot be run:", problems)
    return tests


def offset(at: datetime, start: datetime) -> str:
    """How long after the start: `90s`, `5m`."""
    seconds = (at - start) // timedelta(seconds=1)
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
