"""The values of an interaction, their texts and numbers, and the paths of fields.

The plain-Python reading of docs/reference/semantics.md, "Fields". Shares nothing with the product.
`oracle_filters` and `oracle_metrics` use the values; `oracle_payloads` rejects payloads.
"""

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

Interaction = dict[str, Any]
Metric = dict[str, Any]
Json = Any
"""A dict, a list, a str, a bool, None or a `Number`."""

OWN_COLUMNS = (
    "resourceId",
    "resourceType",
    "action",
    "origin",
    "userId",
    "uowId",
    "externalReference",
)
_PAYLOAD = "interaction."
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class PayloadError(ValueError):
    """The payload may not be recorded; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number: its text and its double ("The text of a value", "The number of a value")."""

    text: str
    double: float


def spelled(double: float) -> str:
    """The shortest decimal that reads back, as JavaScript writes it but without the `+`."""
    sign = "-" if math.copysign(1.0, double) < 0 else ""
    if double == 0:
        return sign + "0"
    _, places, exponent = Decimal(repr(abs(double))).as_tuple()
    assert isinstance(exponent, int)
    point = len(places) + exponent
    digits = "".join(map(str, places)).rstrip("0")
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """ECMAScript's Number::toString for the digits 0.`digits` times ten to the `point`."""
    if not -6 < point <= 21:
        fraction = "." + digits[1:] if len(digits) > 1 else ""
        return f"{digits[0]}{fraction}e{point - 1}"
    if point <= 0:
        return "0." + "0" * -point + digits
    if len(digits) <= point:
        return digits.ljust(point, "0")
    return digits[:point] + "." + digits[point:]


def _integer(literal: str) -> Number:
    return Number("0" if literal == "-0" else literal, _held(literal))


def _real(literal: str) -> Number:
    double = _held(literal)
    return Number(spelled(double), double)


def _held(literal: str) -> float:
    double = float(literal)
    if math.isinf(double):
        raise PayloadError("a number that no double can hold")
    return double


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise PayloadError("a key twice in one object")
    return members


def _constant(literal: str) -> NoReturn:
    raise PayloadError(f"not JSON: {literal}")


@lru_cache(maxsize=65_536)
def parse(text: str) -> Json:
    """The JSON text as values; `PayloadError` for no JSON, a duplicate key, a number too big."""
    try:
        return json.loads(
            text,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise PayloadError("more than 64 levels") from None
    except json.JSONDecodeError as error:
        raise PayloadError(f"not JSON: {error}") from error


def text_of(value: Json) -> str | None:
    """The text of a value; None for what has none (missing, null, objects, arrays)."""
    if isinstance(value, str):
        return value
    if isinstance(value, Number):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return None


def number_of(value: Json) -> float | None:
    """The number of a value; None for what has none (booleans among them)."""
    if isinstance(value, Number):
        return value.double
    return number_of_text(value) if isinstance(value, str) else None


@lru_cache(maxsize=65_536)
def number_of_text(text: str) -> float | None:
    """The number of a string that is exactly a JSON number and that a double can hold."""
    if not _JSON_NUMBER.fullmatch(text):
        return None
    double = float(text)
    return None if math.isinf(double) else double


def value_at(interaction: Interaction, field: str) -> Json:
    """The value of the field in the interaction; None when it is missing or null."""
    if field in OWN_COLUMNS:
        return _own(interaction, field)
    value = parse(interaction.get("payload") or "{}")
    for key in keys_of(field):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _own(interaction: Interaction, column: str) -> str | None:
    value: str | None = interaction.get(column)
    return value.lower() if value is not None and column == "uowId" else value


def field_of(keys: list[str] | tuple[str, ...]) -> str:
    """The spelling of a payload field: segments joined by dots, `\\` and `.` in them escaped."""
    if not keys or "" in keys:
        raise ValueError(f"no field can name {keys!r}")
    return _PAYLOAD + ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in keys)


@lru_cache(maxsize=65_536)
def keys_of(field: str) -> tuple[str, ...]:
    """The keys that a payload field's spelling names; ValueError for any other spelling."""
    if not field.startswith(_PAYLOAD):
        raise ValueError(f"no field is called {field!r}")
    segments = [""]
    rest = iter(field.removeprefix(_PAYLOAD))
    for character in rest:
        if character == ".":
            segments.append("")
        elif character == "\\":
            segments[-1] += _escaped(next(rest, ""), field)
        else:
            segments[-1] += character
    if "" in segments:
        raise ValueError(f"an empty key in {field!r}")
    return tuple(segments)


def _escaped(character: str, field: str) -> str:
    if character not in (".", "\\"):
        raise ValueError(f"a backslash before {character!r} in {field!r}")
    return character


def dimension_key(field: str) -> str:
    """The field as a dimension's key: each character but letters, digits and `_` becomes a `_`."""
    return "".join(character if _is_word(character) else "_" for character in field)


def _is_word(character: str) -> bool:
    category = unicodedata.category(character)
    return character == "_" or category.startswith("L") or category == "Nd"
