"""Filters: one condition on one field of an interaction.

The same object is the request's member, the stored definition and the input of
`clickhouse/sql/filters.py`. "Filters" in docs/reference/semantics.md defines the operators.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, WithJsonSchema, field_validator
from pydantic import Field as Member
from pydantic_core import PydanticCustomError

from tocsin.model.interactions.field import Field
from tocsin.model.interactions.pattern import pattern_problem
from tocsin.model.interactions.scalar import Scalar, number_of, text_of

MAX_LIST = 1_000


class Operator(StrEnum):
    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    IN = "in"
    NOT_IN = "not_in"
    EXISTS = "exists"
    NOT_EXISTS = "not_exists"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    MATCHES = "matches"


WORDS = {
    Operator.EQ: "=",
    Operator.NEQ: "≠",
    Operator.GT: ">",
    Operator.GTE: "≥",
    Operator.LT: "<",
    Operator.LTE: "≤",
    Operator.CONTAINS: "contains",
    Operator.IN: "is one of",
    Operator.NOT_IN: "is none of",
    Operator.EXISTS: "exists",
    Operator.NOT_EXISTS: "does not exist",
    Operator.STARTS_WITH: "starts with",
    Operator.ENDS_WITH: "ends with",
    Operator.MATCHES: "matches",
}

UNARY = {Operator.EXISTS, Operator.NOT_EXISTS}
LISTS = {Operator.IN, Operator.NOT_IN}
ORDERINGS = {Operator.GT, Operator.GTE, Operator.LT, Operator.LTE}
TEXTS = {Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.MATCHES}

_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_VALUE_SCHEMA = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "maxItems": MAX_LIST}]}
_MISSING: Any = object()


class Filter(BaseModel):
    """`{"field", "operator", "value"}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: Field
    operator: Operator
    value: Annotated[Any, WithJsonSchema(_VALUE_SCHEMA), Member(validate_default=True)] = _MISSING

    @field_validator("value", mode="after")
    @classmethod
    def _value_fits_operator(cls, value: Any, info: ValidationInfo) -> Any:
        operator = info.data.get("operator")
        complaint = operator and _value_problem(operator, value)
        if complaint:
            raise PydanticCustomError("filter_value", "{complaint}", {"complaint": complaint})
        return None if value is _MISSING else value

    @property
    def sentence(self) -> str:
        """The filter as text: `interaction.country = ZA`."""
        words = f"{self.field} {WORDS[self.operator]}"
        if self.operator in UNARY:
            return words
        values = self.value if isinstance(self.value, list) else [self.value]
        return f"{words} {', '.join(map(_in_words, values))}"


def _in_words(value: Scalar) -> str:
    """The value's text, quoted if it could be mistaken for a value of another type."""
    text = text_of(value)
    if text is None:
        return "null"
    is_plain = text.isprintable() and text == text.strip() and text not in ("", "null")
    return text if is_plain or not isinstance(value, str) else json.dumps(text, ensure_ascii=False)


def _value_problem(operator: Operator, value: Any) -> str | None:
    """The reason why this value does not fit the operator, or None."""
    if operator in UNARY:
        fits = value is _MISSING or value is None
        return None if fits else f"must be left out: the operator {operator} takes no value"
    if value is _MISSING:
        return f"is missing: the operator {operator} requires a value"
    if operator in LISTS:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_LIST:
            return f"must be an array of 1 to {MAX_LIST:,} scalars for {operator}"
        return next(filter(None, map(_scalar_problem, value)), None)
    if isinstance(value, list):
        return f"must be a single value for {operator}, not an array"
    return _scalar_problem(value) or _kind_value_problem(operator, value)


def _scalar_problem(value: Any) -> str | None:
    if value is not None and not isinstance(value, str | int | float):
        return "must be a string, a number, a boolean or null"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and number_of(value) is None:
        return "is a number that no double can hold"
    return None


def _kind_value_problem(operator: Operator, value: Scalar) -> str | None:
    if operator in TEXTS and not isinstance(value, str):
        return f"must be a string for {operator}"
    if operator is Operator.MATCHES and isinstance(value, str):
        return pattern_problem(value)
    if operator not in ORDERINGS and operator is not Operator.CONTAINS:
        return None
    if value is None or isinstance(value, bool):
        return f"must be a number or a string for {operator}"
    return None
