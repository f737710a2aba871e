"""Compiles a filter tree to a condition on a row, once for every kind of query.

The rules are "Filters" and "Filter trees" in docs/reference/semantics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import LISTS, ORDERINGS, Filter, Operator
from tocsin.model.interactions.filter_tree import AnyOf, FilterTree, Negation
from tocsin.model.interactions.pattern import engine_pattern
from tocsin.model.interactions.scalar import Scalar, number_of, text_of

T = TypeVar("T")

_SIGNS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}


def condition(tree: FilterTree, fields: Fields, bind: Binder) -> str:
    """A condition that is true exactly where the tree holds; NULL counts as false.

    AND and OR have the same result if NULL is false, so only the operand of NOT is converted.
    """
    return _of_tree(tree, fields, bind, is_alternative=False)


def _of_tree(tree: FilterTree, fields: Fields, bind: Binder, *, is_alternative: bool) -> str:
    if isinstance(tree, Filter):
        return _of_leaf(tree, fields, bind, is_alternative=is_alternative)
    is_any = isinstance(tree, AnyOf)
    operands = [
        _of_tree(child, fields, bind, is_alternative=is_alternative or is_any)
        for child in tree.children
    ]
    if isinstance(tree, Negation):
        return _not(operands[0])
    operator = " OR " if is_any else " AND "
    return operands[0] if len(operands) == 1 else f"({operator.join(operands)})"


def _of_leaf(filter: Filter, fields: Fields, bind: Binder, *, is_alternative: bool) -> str:
    operator, value = filter.operator, filter.value
    if operator in ORDERINGS:
        return _ordering(filter, fields, bind)
    if operator is Operator.CONTAINS:
        return _contains(filter, fields, bind)
    match operator:
        case Operator.EQ | Operator.IN | Operator.NEQ | Operator.NOT_IN:
            values = value if operator in LISTS else [value]
            is_one = _is_one_of(values, filter.field, fields, bind, is_alternative=is_alternative)
            return is_one if operator in (Operator.EQ, Operator.IN) else _not(is_one)
        case Operator.EXISTS:
            return fields.exists(filter.field)
        case Operator.NOT_EXISTS:
            return _not(fields.exists(filter.field))
        case Operator.STARTS_WITH:
            return f"startsWith({fields.text(filter.field)}, {bind.string(value)})"
        case Operator.ENDS_WITH:
            return f"endsWith({fields.text(filter.field)}, {bind.string(value)})"
        case _:
            return f"match({fields.text(filter.field)}, {bind.pattern(engine_pattern(value))})"


def _is_one_of(
    values: Sequence[Scalar], field: Field, fields: Fields, bind: Binder, *, is_alternative: bool
) -> str:
    """Strings and booleans are compared by text, numbers by number; null equals a missing field."""
    texts = [text_of(v) or "" for v in values if isinstance(v, str | bool)]
    numbers = [number_of(v) or 0.0 for v in values if not isinstance(v, str | bool | None)]
    alternatives = []
    if texts:
        alternatives.append(_equals_any(fields.text(field), texts, bind.string, bind.strings))
    if numbers:
        # Zero is added because IN compares bits: -0.0 would not be 0. The engine converts three
        # alternatives `x = 1 OR x = 2 OR x = 3` to IN, too (26.9).
        is_for_in = is_alternative or len(numbers) > 1
        number = f"({fields.number(field)} + 0.)" if is_for_in else fields.number(field)
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
