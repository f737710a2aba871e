"""The format of unit tests: interactions, and the expected values and transitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import UNSET
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.cli.definition_files import InvalidDefinitions
from tocsin.errors import Problem
from tocsin.model.alerts.state import Dimensions, Reason, Status
from tocsin.model.duration import NONE, Duration
from tocsin.model.interactions.field import PAYLOAD, Field, dimension_key
from tocsin.model.metrics.answer import Reading
from tocsin.model.metrics.question import COMPARED, SIDES
from tocsin.model.time_range import Instant
from tocsin.model.validation import problems_of

MAX_TIMES = 100_000
_START = datetime.fromisoformat("2026-01-01T00:00:00Z")
_PAIRS = (SIDES, COMPARED)
_STRICT = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class TimedInteractions(BaseModel):
    """An interaction that occurs `times` times, first at the offset `at` from the start.

    `fields` gives members by the names that metrics have for them, and the texts of the fields in
    `counted` end with the number of the repetition. All other members are those of the
    interaction.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    at: Duration
    times: Annotated[int, Member(ge=1, le=MAX_TIMES)] = 1
    every: Duration = NONE
    fields: dict[Field, Any] = {}
    counted: list[Field] = []

    @model_validator(mode="after")
    def _counts_texts(self) -> TimedInteractions:
        for field in self.counted:
            if not isinstance(self.fields.get(field), str):
                raise ValueError(f"counted needs a text of {field} under fields")
        return self

    def occurrences(self, start: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Each repetition: its time and its members."""
        for number in range(self.times):
            fields = {**self.fields, **self._counted_texts(number + 1)}
            at = start + self.at.length + number * self.every.length
            yield at, with_fields(self.model_extra or {}, fields)

    def _counted_texts(self, number: int) -> dict[Field, str]:
        return {field: f"{self.fields[field]}-{number}" for field in self.counted}


def with_fields(interaction: Mapping[str, Any], fields: Mapping[Field, Any]) -> dict[str, Any]:
    """The members of an interaction and those that fields name, in the payload too."""
    members = dict(interaction)
    for field, value in fields.items():
        if field.column:
            members[field.column] = value
            continue
        inner = members
        for key in (PAYLOAD, *field.path[:-1]):
            outer, inner = inner, dict(inner.get(key) or {})
            outer[key] = inner
        inner[field.path[-1]] = value
    return members


def _by_dimension(dimensions: Any) -> Any:
    """Dimensions by their keys, of which each may also be given as its field."""
    if not isinstance(dimensions, dict):
        return dimensions
    return {dimension_key(str(name)): text for name, text in dimensions.items()}


ExpectedDimensions = Annotated[Dimensions, BeforeValidator(_by_dimension)]


class ExpectedRow(BaseModel):
    model_config = _STRICT

    value: float | int | None
    dimensions: ExpectedDimensions = None
    numerator: float | int | None = None
    denominator: float | int | None = None
    current: float | int | None = None
    base: float | int | None = None

    @model_validator(mode="after")
    def _has_both_sides_or_none(self) -> ExpectedRow:
        for first, second in _PAIRS:
            if len(self.model_fields_set & {first, second}) == 1:
                raise ValueError(f"needs both {first} and {second}, or neither")
        return self

    @classmethod
    def of(cls, reading: Reading, *, with_sides: bool) -> ExpectedRow:
        """The row of a reading; `with_sides` includes those of a RATIO or a comparison."""
        pairs = _PAIRS if with_sides else ()
        members = ("value", "dimensions", *(name for pair in pairs for name in pair))
        values = {name: getattr(reading, name) for name in members}
        return cls(**{name: value for name, value in values.items() if value is not UNSET})

    @property
    def sides(self) -> dict[str, float | int | None]:
        """The sides that are given, by name."""
        names = (name for pair in _PAIRS for name in pair if name in self.model_fields_set)
        return {name: getattr(self, name) for name in names}


class ExpectedTransition(BaseModel):
    """An expected transition; members that are not given match any value."""

    model_config = _STRICT

    at: Duration
    status: Status
    dimensions: ExpectedDimensions = None
    value: float | int | None = None
    reason: Reason | None = None


class ExpectedMessages(BaseModel):
    """The messages that a channel, or a subscription of the file, would get of an alert: their
    number, their times, their titles."""

    model_config = _STRICT

    channel: str | None = None
    subscription: str | None = None
    count: Annotated[int, Member(ge=0)] | None = None
    at: list[Duration] | None = None
    titles: list[str] | None = None

    @model_validator(mode="after")
    def _is_of_one_recipient(self) -> ExpectedMessages:
        if (self.channel is None) == (self.subscription is None):
            raise ValueError("must have either channel or subscription")
        if self.count is None and self.at is None and self.titles is None:
            raise ValueError("needs count, at or titles, which may be []")
        if self.at is not None and self.titles is not None and len(self.at) != len(self.titles):
            raise ValueError("must have as many titles as times under at")
        return self


class Expectation(BaseModel):
    """The rows of a metric at an offset, or all transitions of an alert until an offset and the
    messages of some recipients."""

    model_config = _STRICT

    metric: str | None = None
    alert: str | None = None
    at: Duration | None = None
    until: Duration | None = None
    value: float | int | None = None
    results: list[ExpectedRow] | None = None
    transitions: list[ExpectedTransition] | None = None
    messages: list[ExpectedMessages] | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Expectation:
        if (self.metric is None) == (self.alert is None):
            raise ValueError("must have either metric or alert")
        if self.metric is not None and self.at is None:
            raise ValueError("needs at, the time of the calculation")
        if self.metric is not None and self.messages is not None:
            raise ValueError("must have messages with an alert only")
        is_empty = self.transitions is None and self.messages is None
        if self.alert is not None and (self.until is None or is_empty):
            raise ValueError("needs until and transitions, which may be [], or messages")
        return self

    @property
    def rows(self) -> list[ExpectedRow]:
        return [ExpectedRow(value=self.value)] if self.results is None else self.results


class UnitTest(BaseModel):
    model_config = _STRICT

    name: str
    start: Instant = _START
    interactions: list[TimedInteractions] = []
    expect: Annotated[list[Expectation], Member(min_length=1)]


def read_tests(content: Any, file: str) -> list[UnitTest]:
    """The tests of a file; raises InvalidDefinitions with all problems."""
    listed = content.get("tests") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        raise InvalidDefinitions(f"{file} must have a list of tests under tests:")
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
        raise InvalidDefinitions(f"{file} cannot be run:", problems)
    return tests


def offset(at: datetime, start: datetime) -> str:
    """The time since the start: `90s`, `5m`."""
    seconds = (at - start) // timedelta(seconds=1)
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
