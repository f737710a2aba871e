"""Compiles a filter to a condition on a row, once for every kind of query.

The rules are the table "Filters" in docs/reference/semantics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder
from tocsin.model.interactions.filter import ORDERINGS, Filter, Operator
from tocsin.model.interactions.scalar import Scalar, number_of, text_of

T = TypeVar("T")

_SIGNS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}


def condition(filter: Filter, fields: Fields, bind: Binder) -> str:
    """A condition that is true exactly where the filter holds; NULL counts as false."""
    operator, value = filter.operator, filter.value
    if operator in ORDERINGS:
        return _ordering(filter, fields, bind)
    if operator is Operator.CONTAINS:
        return _contains(filter, fields, bind)
    match operator:
        case Operator.EQ:
            return _is_one_of([value], filter, fields, bind)
        case Operator.NEQ:
            return _not(_is_one_of([value], filter, fields, bind))
        case Operator.IN:
            return _is_one_of(value, filter, fields, bind)
        case Operator.NOT_IN:
            return _not(_is_one_of(value, filter, fields, bind))
        case Operator.EXISTS:
            return fields.exists(filter.field)
        case Operator.NOT_EXISTS:
            return _not(fields.exists(filter.field))
        case Operator.STARTS_WITH:
            return f"startsWith({fields.text(filter.field)}, {bind.string(value)})"
        case _:
            return f"endsWith({fields.text(filter.field)}, {bind.string(value)})"


def _is_one_of(values: Sequence[Scalar], filter: Filter, fields: Fields, bind: Binder) -> str:
    """Strings and booleans are compared by text, numbers by number; null equals a missing field."""
    field = filter.field
    texts = [text_of(v) or "" for v in values if isinstance(v, str | bool)]
    numbers = [number_of(v) or 0.0 for v in values if not isinstance(v, str | bool | None)]
    alternatives = []
    if texts:
        alternatives.append(_equals_any(fields.text(field), texts, bind.string, bind.strings))
    if numbers:
        # Zero is added because IN compares bits: -0.0 would not be 0.
        number = fields.number(field) if len(numbers) == 1 else f"({fields.number(field)} + 0.)"
        alternatives.append(_equals_any(number, numbers, bind.double, bind.doubles))
    if None in values:
        alternatives.append(f"isNull({fields.text(field)})")
    return alternatives[0] if len(alternatives) == 1 else f"({' OR '.join(alternatives)})"


def _equals_any(
    expression: str,
    values: Sequence[T],
    bind_one: Callable[[T], str],
    bind_all: Callable[[Sequence[T]], str],
) -> str:
    if len(values) == 1:
        return f"{expression} = {bind_one(values[0])}"
    return f"{expression} IN {bind_all(values)}"


def _ordering(filter: Filter, fields: Fields, bind: Binder) -> str:
    sign, number = _SIGNS[filter.operator], number_of(filter.value)
    if number is not None:
        return f"{fields.number(filter.field)} {sign} {bind.double(number)}"
    return f"{fields.string(filter.field)} {sign} {bind.string(filter.value)}"


def _contains(filter: Filter, fields: Fields, bind: Binder) -> str:
    text = bind.string(text_of(filter.value) or "")
    in_text = f"position({fields.text(filter.field)}, {text}) > 0"
    element = fields.has_element(filter.field, text)
    return f"({in_text} OR {element})" if element else in_text


def _not(condition: str) -> str:
    """The negation; it is true for a missing field, for which the condition is NULL."""
    return f"NOT ifNull({condition}, false)"
