"""The oracle's filters: the table "Filters" in docs/reference/semantics.md, row by row, and trees.

A filter's value is what `json.loads` makes of it: str, int, float, bool, None, or a list of those.
"""

import operator
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import re2

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
    """Whether the filter `{"field", "operator"[, "value"]}`, or a tree of them, holds for the
    interaction."""
    if "any" in filter_:
        return any(holds(child, interaction) for child in filter_["any"])
    if "all" in filter_:
        return all(holds(child, interaction) for child in filter_["all"])
    if "not" in filter_:
        return not holds(filter_["not"], interaction)
    rule = OPERATORS[filter_["operator"]]
    return rule(value_at(interaction, filter_["field"]), filter_.get("value"))


def leaves(filter_: Metric) -> Iterator[Metric]:
    """The filters of a tree, in order; a filter itself."""
    if "not" in filter_:
        yield from leaves(filter_["not"])
    elif "any" in filter_ or "all" in filter_:
        for child in filter_.get("any") or filter_["all"]:
            yield from leaves(child)
    else:
        yield filter_


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text_of_wanted(operand: Any) -> str:
    """The text of a filter's value: a string, or a number by the same spelling as a payload's."""
    if isinstance(operand, str):
        return operand
    return str(operand) if isinstance(operand, int) else spelled(operand)


def _eq(value: Json, operand: Any) -> bool:
    text = text_of(value)
    if operand is None:
        return text is None
    if isinstance(operand, bool):
        return text == ("true" if operand else "false")
    if _is_number(operand):
        return number_of(value) == float(operand)
    return text is not None and text == operand


def _neq(value: Json, operand: Any) -> bool:
    return not _eq(value, operand)


def _compare(relation: Callable[[Any, Any], bool]) -> Callable[[Json, Any], bool]:
    def rule(value: Json, operand: Any) -> bool:
        edge = number_of_text(operand) if isinstance(operand, str) else float(operand)
        if edge is None:
            return isinstance(value, str) and relation(value, operand)
        number = number_of(value)
        return number is not None and relation(number, edge)

    return rule


def _contains(value: Json, operand: Any) -> bool:
    part = _text_of_wanted(operand)
    if isinstance(value, list):
        return any(text_of(element) == part for element in value)
    text = text_of(value)
    return text is not None and part in text


def _in(value: Json, operand: list[Any]) -> bool:
    return any(_eq(value, listed) for listed in operand)


def _not_in(value: Json, operand: list[Any]) -> bool:
    return not _in(value, operand)


def _exists(value: Json, _: Any) -> bool:
    return value is not None


def _not_exists(value: Json, _: Any) -> bool:
    return value is None


def _starts_with(value: Json, operand: str) -> bool:
    text = text_of(value)
    return text is not None and text.startswith(operand)


def _ends_with(value: Json, operand: str) -> bool:
    text = text_of(value)
    return text is not None and text.endswith(operand)


def _matches(value: Json, operand: str) -> bool:
    text = text_of(value)
    return text is not None and _searcher(operand).search(text.encode()) is not None


@lru_cache(maxsize=1_024)
def _searcher(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


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
    "matches": _matches,
}
