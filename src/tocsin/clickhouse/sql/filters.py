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
    """A condition that holds exactly where the filter does; NULL counts as not holding."""
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
    """Strings and booleans are compared by text, numbers by number, null with what is missing."""
    field = filter.field
    texts = [text_of(v) or "" for v in values if isinstance(v, str | bool)]
    numbers = [number_of(v) or 0.0 for v in values if not isinstance(v, str | bool | None)]
    ways = []
    if texts:
        ways.append(_among(fields.text(field), texts, bind.string, bind.strings))
    if numbers:
        # Zero is added because IN compares bits: -0.0 would not be 0.
        number = fields.number(field) if len(numbers) == 1 else f"({fields.number(field)} + 0.)"
        ways.append(_among(number, numbers, bind.double, bind.doubles))
    if None in values:
        ways.append(f"isNull({fields.text(field)})")
    return ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"


def _among(
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
    within = f"position({fields.text(filter.field)}, {text}) > 0"
    element = fields.has_element(filter.field, text)
    return f"({within} OR {element})" if element else within


def _not(condition: str) -> str:
    """What does not hold, does not hold of a missing field either: NULL becomes true."""
    return f"NOT ifNull({condition}, false)"
