"""Checks the rules between the members of a metric's definition.

Members of the wrong type are reported by the shape's validation and are ignored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from tocsin.errors import Problem
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.aggregation import AGGREGATION_BY_ID, SIDE_AGGREGATIONS, Aggregation
from tocsin.model.metrics.comparison import Change
from tocsin.model.metrics.question import MAX_GROUPS, SIDES
from tocsin.model.metrics.window_rules import window_problems

TYPES = ", ".join(Aggregation)
RATIO_MEMBERS = (*SIDES, "scale", "minimumDenominator")

_SIDE_TYPES = ", ".join(SIDE_AGGREGATIONS)
_OF_SIDES = {
    "metricType": f"must be one of {_SIDE_TYPES}",
    "metricTypeId": "must be left out: give metricType",
    "timeWindow": "must be left out: that of the metric applies to both sides",
    "timezone": "must be left out: that of the metric applies to both sides",
    "groupBy": "must be left out: that of the metric applies to both sides",
}
SIDE_MESSAGES = {
    f"{side}.{member}": message for side in SIDES for member, message in _OF_SIDES.items()
}
"""The messages about invalid members of a side for which those about a metric would be wrong, by
their paths."""

_REASONS = {
    Aggregation.COUNT: "COUNT counts interactions",
    Aggregation.RATE: "RATE counts interactions",
    Aggregation.RATIO: "each side of a RATIO has its own",
}


def rule_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _type_problems(body)
    aggregation = _by_id(body) or _by_mnemonic(body)
    if aggregation:
        yield from _needs(aggregation, body)
        yield from _percentile_problems(aggregation, body)
        yield from _ratio_problems(aggregation, body)
        if aggregation is not Aggregation.RATE and body.get("rateUnit") is not None:
            yield Problem("rateUnit", "must be left out: only RATE has a rateUnit")
    yield from window_problems(aggregation, body)
    yield from _comparison_problems(aggregation, body)
    yield from _group_problems(body.get("groupBy"))


def uuid_of(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _by_id(body: Mapping[str, Any]) -> Aggregation | None:
    id = uuid_of(body.get("metricTypeId"))
    return AGGREGATION_BY_ID.get(id) if id else None


def _by_mnemonic(body: Mapping[str, Any]) -> Aggregation | None:
    mnemonic = body.get("metricType")
    return Aggregation.__members__.get(mnemonic.upper()) if isinstance(mnemonic, str) else None


def _type_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    id, mnemonic = body.get("metricTypeId"), body.get("metricType")
    if id is None and mnemonic is None:
        yield Problem("metricTypeId", f"is required, or metricType with one of {TYPES}")
    by_id, by_mnemonic = _by_id(body), _by_mnemonic(body)
    if uuid_of(id) and not by_id:
        yield Problem(
            "metricTypeId",
            "is the id of no metric type: GET /api/interaction-metrics/types lists them, "
            f"or give metricType with one of {TYPES}",
        )
    if by_id and by_mnemonic and by_id is not by_mnemonic:
        yield Problem(
            "metricType",
            f"does not agree with metricTypeId, which is {by_id}: leave one of them out",
        )


def _needs(aggregation: Aggregation, body: Mapping[str, Any]) -> Iterator[Problem]:
    has_field = body.get("field") is not None
    if aggregation.requires_field and not has_field:
        yield Problem("field", f"is required for {aggregation}")
    if has_field and not aggregation.requires_field:
        yield Problem("field", f"must be left out: {_REASONS[aggregation]}")
    if aggregation.requires_window and body.get("timeWindow") is None:
        yield Problem("timeWindow", f"is required for {aggregation}, such as 5m, 24h or 7d")


def _percentile_problems(aggregation: Aggregation, body: Mapping[str, Any]) -> Iterator[Problem]:
    is_given = body.get("percentile") is not None
    if aggregation is Aggregation.PERCENTILE and not is_given:
        yield Problem("percentile", "is required for PERCENTILE, such as 95")
    if is_given and aggregation is not Aggregation.PERCENTILE:
        yield Problem("percentile", "must be left out: only PERCENTILE has a percentile")


def _ratio_problems(aggregation: Aggregation, body: Mapping[str, Any]) -> Iterator[Problem]:
    if aggregation is not Aggregation.RATIO:
        given = [name for name in RATIO_MEMBERS if body.get(name) is not None]
        yield from (Problem(name, f"must be left out: only RATIO has a {name}") for name in given)
        return
    for name in SIDES:
        side = body.get(name)
        if side is None:
            yield Problem(name, 'is required for RATIO: an object such as {"metricType": "COUNT"}')
        elif isinstance(side, dict):
            problems = _side_problems(side)
            yield from (Problem(f"{name}.{p.field}", p.message) for p in problems)


def _side_problems(side: Mapping[str, Any]) -> Iterator[Problem]:
    if side.get("metricType") is None:
        yield Problem("metricType", f"is required: one of {_SIDE_TYPES}")
    elif (aggregation := _by_mnemonic(side)) in SIDE_AGGREGATIONS:
        yield from _needs(aggregation, side)
    elif aggregation:
        yield Problem("metricType", _OF_SIDES["metricType"])


def _comparison_problems(
    aggregation: Aggregation | None, body: Mapping[str, Any]
) -> Iterator[Problem]:
    compare = body.get("compare")
    if compare is None:
        return
    needs_window = aggregation is not None and aggregation.requires_window
    if body.get("timeWindow") is None and not needs_window:
        yield Problem("timeWindow", "is required for compare, such as 5m, 24h or 7d")
    if not isinstance(compare, dict):
        return
    if compare.get("as") == Change.DIFFERENCE and compare.get("minimumBase") is not None:
        yield Problem(
            "compare.minimumBase",
            "must be left out: only percent and factor divide by the base",
        )


def _group_problems(groups: Any) -> Iterator[Problem]:
    """Problems of fields with the same dimension as a field before them."""
    seen: dict[str, str] = {}
    if not isinstance(groups, list) or len(groups) > MAX_GROUPS:
        return
    for index, spelling in enumerate(groups):
        key = _key(spelling)
        if key in seen:
            yield Problem(f"groupBy[{index}]", _clash(spelling, seen[key], key))
        elif key is not None:
            seen[key] = spelling


def _key(spelling: Any) -> str | None:
    try:
        return Field(spelling).key if isinstance(spelling, str) else None
    except ValueError:
        return None


def _clash(spelling: str, first: str, key: str) -> str:
    if spelling == first:
        return "is grouped by already: leave it out"
    return f"makes the same dimension {key} as {first}: leave one of them out"
