"""What do answers look like? For the OpenAPI document only: nothing is built from these,
and a test holds the answers of a running service against them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field as Member
from typing_extensions import TypedDict

from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import Filter
from tocsin.model.key import Role
from tocsin.model.metrics.metric import Aggregation, Window

Value = Annotated[
    int | float | None, Member(description="null where there is nothing to aggregate")
]
Dimensions = Annotated[
    dict[str, str | None] | None, Member(description="null for a metric without groups")
]
Unit = Annotated[str, Member(description="Only there for a RATE", examples=["per minute"])]
Truncated = Annotated[Literal[True], Member(description="Only there when rows were cut")]
GroupCount = Annotated[int, Member(description="How many rows there are; only when they were cut")]

Promoted = Annotated[
    Literal[True], Member(description="Only there when the field has a column of its own")
]


class FieldProblem(TypedDict):
    field: Annotated[str, Member(examples=["filters[0].operator"])]
    message: str


class Problem(TypedDict):
    """An error (RFC 9457); `errors` holds every problem that was found in an input."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[FieldProblem]]


class Entry(TypedDict):
    mnemonic: str
    title: str
    description: str | None
    icon: str | None
    fontColorHex: str | None
    bgColorHex: str | None
    isSystem: bool
    createdDate: datetime
    modifiedDate: datetime


class ResourceType(Entry):
    resourceTypeId: UUID


class Action(Entry):
    actionId: UUID


class Origin(Entry):
    originId: UUID


class Metric(TypedDict):
    metricId: UUID
    name: str
    description: str | None
    metricTypeId: UUID
    metricType: Aggregation
    resourceTypeId: UUID | None
    resourceType: str | None
    actionId: UUID | None
    action: str | None
    originId: UUID | None
    origin: str | None
    field: Field | None
    filters: list[Filter]
    timeWindow: Window | None
    groupBy: list[Field]
    enabled: bool
    createdDate: datetime
    modifiedDate: datetime


class MetricType(TypedDict):
    metricTypeId: UUID
    mnemonic: Aggregation
    name: str
    description: str
    requiresField: bool
    requiresTimeWindow: bool


class Row(TypedDict):
    value: Value
    dimensions: Dimensions


class Calculation(TypedDict):
    metricId: UUID | None
    metricName: str | None
    metricType: Aggregation
    calculatedAt: datetime
    unit: NotRequired[Unit]
    results: list[Row]
    truncated: NotRequired[Truncated]
    groupCount: NotRequired[GroupCount]


class CalculationOfAll(TypedDict):
    """What calculate answers; a metric that failed has `error` instead of its results."""

    metricId: UUID
    metricName: str
    metricType: Aggregation
    calculatedAt: datetime
    unit: NotRequired[Unit]
    results: NotRequired[list[Row]]
    truncated: NotRequired[Truncated]
    groupCount: NotRequired[GroupCount]
    resultCount: NotRequired[int]
    sampleValue: NotRequired[Value]
    error: NotRequired[str]


class Calculations(TypedDict):
    calculated: int
    results: list[CalculationOfAll]


class Point(TypedDict):
    at: datetime
    value: Value


class Line(TypedDict):
    dimensions: Dimensions
    points: list[Point]


class Series(TypedDict):
    metricId: UUID
    metricName: str
    metricType: Aggregation
    unit: NotRequired[Unit]
    series: list[Line]
    truncated: NotRequired[Truncated]
    groupCount: NotRequired[GroupCount]


class Explanation(TypedDict):
    sql: str
    parameters: dict[str, Any]
    promoted: Annotated[list[Field], Member(description="Fields read from columns of their own")]
    rowsRead: int
    bytesRead: int
    elapsedMs: float
    fromRollup: bool


class FieldReport(TypedDict):
    field: Field
    types: list[Literal["string", "number", "boolean", "array"]]
    occurrences: int
    examples: list[str | int | float | bool]
    truncated: NotRequired[
        Annotated[Literal[True], Member(description="Only there when an example was cut")]
    ]
    promoted: NotRequired[Promoted]


class Key(TypedDict):
    keyId: UUID
    name: str
    role: Role
    prefix: str
    fromEnvironment: bool
    createdDate: datetime


class NewKey(Key):
    key: Annotated[str, Member(description="The key itself, shown this once")]


class State(TypedDict):
    status: str


class Readiness(TypedDict):
    status: Literal["ready", "degraded"]
    problems: NotRequired[list[str]]
