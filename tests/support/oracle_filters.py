"""The oracle's filters: the table "Filters" in docs/reference/semantics.md, row by row.

A filter's value is what `json.loads` makes of it: str, int, float, bool, None, or a list of those.
"""

import operator
from collections.abc import Callable
from typing import Any

from support.oracle_values import (
    Interaction,
    Json,
    Metric,
    number_of,
    number_of_text,
    spelled,
    text_of,
    value_at,
)


def holds(filter_: Metric, interaction: Interaction) -> bool:
    """Whether the filter `{"field", "operator"[, "value"]}` holds for the interaction."""
    rule = OPERATORS[filter_["operator"]]
    return rule(value_at(interaction, filter_["field"]), filter_.get("value"))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text_of_wanted(wanted: Any) -> str:
    """The text of a filter's value: a string, or a number by the same spelling as a payload's."""
    if isinstance(wanted, str):
        return wanted
    return str(wanted) if isinstance(wanted, int) else spelled(wanted)


def _eq(value: Json, wanted: Any) -> bool:
    text = text_of(value)
    if wanted is None:
        return text is None
    if isinstance(wanted, bool):
        return text == ("true" if wanted else "false")
    if _is_number(wanted):
        return number_of(value) == float(wanted)
    return text is not None and text == wanted


def _neq(value: Json, wanted: Any) -> bool:
    return not _eq(value, wanted)


def _compare(relation: Callable[[Any, Any], bool]) -> Callable[[Json, Any], bool]:
    def rule(value: Json, wanted: Any) -> bool:
        edge = number_of_text(wanted) if isinstance(wanted, str) else float(wanted)
        if edge is None:
            return isinstance(value, str) and relation(value, wanted)
        number = number_of(value)
        return number is not None and relation(number, edge)

    return rule


def _contains(value: Json, wanted: Any) -> bool:
    part = _text_of_wanted(wanted)
    if isinstance(value, list):
        return any(text_of(element) == part for element in value)
    text = text_of(value)
    return text is not None and part in text


def _in(value: Json, wanted: list[Any]) -> bool:
    return any(_eq(value, one) for one in wanted)


def _not_in(value: Json, wanted: list[Any]) -> bool:
    return not _in(value, wanted)


def _exists(value: Json, _: Any) -> bool:
    return value is not None


def _not_exists(value: Json, _: Any) -> bool:
    return value is None


def _starts_with(value: Json, wanted: str) -> bool:
    text = text_of(value)
    return text is not None and text.startswith(wanted)


def _ends_with(value: Json, wanted: str) -> bool:
    text = text_of(value)
    return text is not None and text.endswith(wanted)


OPERATORS: dict[str, Callable[[Json, Any], bool]] = {
    "eq": _eq,
    "neq": _neq,
    "gt": _compare(operator.gt),
    "gte": _compare(operator.ge),
    "lt": _compare(operator.lt),
    "lte": _compare(operator.le),
    "contains": _contains,
    "in": _in,
    "not_in": _not_in,
    "exists": _exists,
    "not_exists": _not_exists,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
}
