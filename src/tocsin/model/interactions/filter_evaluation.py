"""Evaluates filter trees over one interaction in Python.

"Filters" in docs/reference/semantics.md defines the meaning, which is that of
`clickhouse/sql/filters.py`. Subscriptions need it here: their deliveries are created before the
engine has the interaction.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec
import re2

from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Column, Field
from tocsin.model.interactions.filter import LISTS, ORDERINGS, Filter, Operator
from tocsin.model.interactions.filter_tree import AnyOf, FilterTree, Negation
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.scalar import Scalar, number_of, text_of
from tocsin.model.interactions.snapshot import Mnemonics

_Value = Any
"""A JSON value; None also for a missing one."""

_Test = Callable[[_Value], bool]

_SIGNS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}


class FieldValues:
    """The values of the fields of one interaction; its payload is decoded at most once."""

    def __init__(self, interaction: Interaction, catalog: Mnemonics) -> None:
        self._interaction = interaction
        self._catalog = catalog

    def value(self, field: Field) -> _Value:
        if field.column:
            return self._column(field.column)
        value: _Value = self._payload
        for key in field.path:
            if type(value) is not dict:
                return None
            value = value.get(key)
        return value

    @cached_property
    def _payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = msgspec.json.decode(self._interaction.payload)
        return payload

    def _column(self, column: Column) -> str | None:
        interaction = self._interaction
        match column:
            case Column.RESOURCE_ID:
                return interaction.resource_id
            case Column.RESOURCE_TYPE:
                return self._mnemonic(Kind.RESOURCE_TYPE, interaction.resource_type_id)
            case Column.ACTION:
                return self._mnemonic(Kind.ACTION, interaction.action_id)
            case Column.ORIGIN:
                return self._mnemonic(Kind.ORIGIN, interaction.origin_id)
            case Column.USER_ID:
                return interaction.user_id
            case Column.UOW_ID:
                return str(UUID(bytes=interaction.uow_id)) if interaction.uow_id else None
            case Column.EXTERNAL_REFERENCE:
                return interaction.external_reference

    def _mnemonic(self, kind: Kind, id: bytes) -> str:
        return self._catalog.mnemonics(kind).get(UUID(bytes=id), "")


Predicate = Callable[[FieldValues], bool]


def predicate(trees: Iterable[FilterTree]) -> Predicate:
    """A function that returns whether all of the trees hold for an interaction."""
    return _all_of([_of_tree(tree) for tree in trees])


def _of_tree(tree: FilterTree) -> Predicate:
    if isinstance(tree, Filter):
        return _of_leaf(tree.field, _test(tree.operator, tree.value))
    children = [_of_tree(child) for child in tree.children]
    if isinstance(tree, Negation):
        (negated,) = children
        return lambda values: not negated(values)
    return _any_of(children) if isinstance(tree, AnyOf) else _all_of(children)


def _of_leaf(field: Field, test: _Test) -> Predicate:
    return lambda values: test(values.value(field))


def _any_of(predicates: Sequence[Predicate]) -> Predicate:
    return lambda values: any(holds(values) for holds in predicates)


def _all_of(predicates: Sequence[Predicate]) -> Predicate:
    return lambda values: all(holds(values) for holds in predicates)


def _test(operator: Operator, given: Any) -> _Test:
    """The condition of a filter with this value, on the value of its field."""
    if operator in ORDERINGS:
        return _ordering(_SIGNS[operator], given)
    match operator:
        case Operator.EQ | Operator.IN:
            return _is_one_of(given if operator in LISTS else [given])
        case Operator.NEQ | Operator.NOT_IN:
            return _not(_is_one_of(given if operator in LISTS else [given]))
        case Operator.CONTAINS:
            return _contains(text_of(given) or "")
        case Operator.EXISTS:
            return lambda value: value is not None
        case Operator.NOT_EXISTS:
            return lambda value: value is None
        case Operator.STARTS_WITH:
            return lambda value: (text := _text(value)) is not None and text.startswith(given)
        case Operator.ENDS_WITH:
            return lambda value: (text := _text(value)) is not None and text.endswith(given)
        case _:
            return _matches(given)


def _not(test: _Test) -> _Test:
    return lambda value: not test(value)


def _is_one_of(given: Sequence[Scalar]) -> _Test:
    """Strings and booleans are compared by text, numbers by number; null equals a missing value."""
    texts = {text_of(each) for each in given if each is None or isinstance(each, str | bool)}
    numbers = {number_of(each) for each in given if not isinstance(each, str | bool | None)}

    def test(value: _Value) -> bool:
        if _text(value) in texts:
            return True
        return bool(numbers) and _number(value) in numbers

    return test


def _ordering(compare: Callable[[Any, Any], bool], given: Scalar) -> _Test:
    limit = number_of(given)
    if limit is None:
        return lambda value: isinstance(value, str) and compare(value, given)
    return lambda value: (number := _number(value)) is not None and compare(number, limit)


def _contains(part: str) -> _Test:
    def test(value: _Value) -> bool:
        if type(value) is list:
            return any(_text(element) == part for element in value)
        text = _text(value)
        return text is not None and part in text

    return test


def _matches(pattern: str) -> _Test:
    options = re2.Options()
    options.log_errors = False
    # The positions of groups take more time than the match.
    options.never_capture = True
    search = re2.compile(pattern, options).search
    # The module would keep 128 compiled patterns, of up to 8 MiB each.
    re2.purge()
    return lambda value: (text := _text(value)) is not None and search(text.encode()) is not None


def _text(value: _Value) -> str | None:
    """The text of a value; objects and arrays have none."""
    return None if isinstance(value, dict | list) else text_of(value)


def _number(value: _Value) -> float | None:
    return None if isinstance(value, dict | list) else number_of(value)
