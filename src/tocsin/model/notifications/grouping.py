"""How often a subscription sends: bundles of alert transitions, reminders, and severities that are
sent immediately.

"Bundles" in docs/reference/alerts.md defines the members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic import Field as Member
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from tocsin.errors import Problem
from tocsin.model.duration import Duration, between
from tocsin.model.interactions.catalog import Kind, system_id
from tocsin.model.interactions.field import dimension_key
from tocsin.model.metrics.catalog_names import CatalogNames, entry_of
from tocsin.model.severity import MOST_SEVERE_FIRST, Severity
from tocsin.model.validation import WithoutNul

MAX_GROUP_KEYS = 10
MAX_NAMED_GROUPS = 20
"""The groups that a message names; it counts the others."""

DEFAULT_WAIT = Duration(30, "s")

NONE, ALERT = "none", "alert"
_WORDS = (NONE, ALERT)
_LABEL = "labels."

GroupBy = Literal["alert"] | tuple[str, ...]
BundleKey = tuple[str | None, ...]
"""The values of what a subscription groups by: transitions with one key come in one message."""


class Grouping(BaseModel):
    """The grouping of a subscription. `by` is `alert`, or dimension keys and `labels.x`; without
    any of them all transitions have one key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: GroupBy
    wait: Duration = DEFAULT_WAIT
    repeat: Duration | None = None
    immediately: tuple[Severity, ...] = ()

    def key_of(
        self, alert_id: UUID, labels: Mapping[str, str], dimensions: Mapping[str, str | None]
    ) -> BundleKey:
        """The key of a transition of an alert with these labels; null for a missing value."""
        if self.by == ALERT:
            return (str(alert_id),)
        return tuple(
            labels.get(name.removeprefix(_LABEL))
            if name.startswith(_LABEL)
            else dimensions.get(name)
            for name in self.by
        )

    def names(self, key: BundleKey) -> dict[str, str | None]:
        """A key with the names of its values, as messages have it."""
        return dict(zip(("alertId",) if self.by == ALERT else self.by, key, strict=True))


def _group_key(text: str) -> str:
    if text in _WORDS:
        raise ValueError(f"must be a dimension key or labels.x; for {text}, groupBy is a string")
    if not text.removeprefix(_LABEL):
        raise ValueError("must name a label, such as labels.team")
    # No group has the field itself: everything would come in one message.
    if not text.startswith(_LABEL) and text != (key := dimension_key(text)):
        raise ValueError(f"is not a dimension key, nor labels.x: the key of a field is like {key}")
    return text


_GroupKey = Annotated[
    str, Member(min_length=1, max_length=300), WithoutNul(), AfterValidator(_group_key)
]
_GroupKeys = Annotated[tuple[_GroupKey, ...], Member(max_length=MAX_GROUP_KEYS)]


def _word_or_list(value: Any, read: core_schema.ValidatorFunctionWrapHandler) -> Any:
    if value is None or value in _WORDS:
        return value
    if not isinstance(value, list | tuple):
        raise ValueError("must be none, alert, or a list of dimension keys and labels.x")
    if len(value) > MAX_GROUP_KEYS:
        raise ValueError(f"must have at most {MAX_GROUP_KEYS} elements, not {len(value):,}")
    return read(value)


class _WordOrList:
    """One message for a wrong value, which a union reports once for each of its types."""

    def __get_pydantic_core_schema__(
        self, _source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        keys = handler.generate_schema(_GroupKeys)
        return core_schema.no_info_wrap_validator_function(_word_or_list, keys)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        word = {"type": "string", "enum": list(_WORDS)}
        return {"anyOf": [word, handler(schema), {"type": "null"}]}


GroupByMember = Annotated[
    Literal["none", "alert"] | tuple[str, ...] | None,
    _WordOrList(),
    Member(examples=["alert", ["labels.team", "interaction_country"]]),
]
GroupWait = Annotated[Duration, AfterValidator(between("1s", "15m"))]
RepeatEvery = Annotated[Duration, AfterValidator(between("1h", "30d"))]
Immediately = Annotated[tuple[Severity, ...], Member(max_length=len(Severity))]


class GroupingMembers(BaseModel):
    """The members of a subscription that say how often it sends; null is the same as missing."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    group_by: GroupByMember = None
    group_wait: GroupWait | None = None
    repeat_every: RepeatEvery | None = None
    immediately: Immediately | None = None

    @property
    def grouping(self) -> Grouping | None:
        """The grouping of members without problems; None if each transition is sent alone."""
        if self.group_by is None or self.group_by == NONE:
            return None
        chosen = self.immediately or ()
        return Grouping(
            by=self.group_by,
            wait=self.group_wait or DEFAULT_WAIT,
            repeat=self.repeat_every,
            immediately=tuple(each for each in MOST_SEVERE_FIRST if each in chosen),
        )


def grouping_problems(body: Mapping[str, Any], catalog: CatalogNames) -> Iterator[Problem]:
    """The problems between the members of a subscription's grouping, and with its origin."""
    by = body.get("groupBy")
    if by is None or by == NONE:
        for member in ("groupWait", "repeatEvery", "immediately"):
            if body.get(member):
                yield Problem(member, "requires groupBy: without it each transition is sent alone")
        return
    if isinstance(by, list) and len(by) <= MAX_GROUP_KEYS:
        yield from _duplicates("groupBy", by)
    severities = body.get("immediately")
    if isinstance(severities, list) and len(severities) <= len(Severity):
        yield from _duplicates("immediately", severities)
        if set(Severity) <= {each for each in severities if isinstance(each, str)}:
            yield Problem("immediately", "must leave out a severity: otherwise nothing is grouped")
    if _excludes_alerts(body, catalog):
        yield Problem(
            "groupBy",
            "requires transitions of alerts, which have the origin METRIC_EVAL: leave out the "
            "origin, or groupBy",
        )


def _duplicates(member: str, values: list[Any]) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Problem(f"{member}[{index}]", "is in the list already")


def _excludes_alerts(body: Mapping[str, Any], catalog: CatalogNames) -> bool:
    origin = entry_of(body, Kind.ORIGIN, catalog)
    return origin is not None and origin.id != system_id(Kind.ORIGIN, "METRIC_EVAL")
