"""Random values of filters, near the value of a field in an interaction."""

from collections.abc import Callable
from random import Random
from typing import Any

from support.nasty_pools import (
    FLOATS,
    INTEGERS,
    NEARLY_NUMERIC_TEXTS,
    NUMERIC_TEXTS,
    ODD_TEXTS,
)
from support.nasty_trees import pattern
from support.oracle import Number, number_of, text_of


def _scalar(rng: Random, value: Any) -> Any:
    """A filter's value as JSON has it: what the value says, a bit more or less, or anything."""
    if isinstance(value, list) and value:
        value = rng.choice(value)
    if rng.random() < 0.1:
        return rng.choice((None, True, False, _pool_number(rng), _pool_text(rng)))
    if isinstance(value, bool):
        return rng.choice((value, text_of(value), value))
    if isinstance(value, Number):
        return rng.choice((_number(value), _number(value), value.text))
    if isinstance(value, str):
        number = number_of(value)
        return value if number is None or rng.random() < 0.5 else number
    return None if value is None else rng.choice(("", None, 0))


def _comparable(rng: Random, value: Any) -> Any:
    """A number or a string, near what the value says."""
    picked = _scalar(rng, value)
    if picked is None or isinstance(picked, bool):
        return rng.choice((_pool_number(rng), _pool_text(rng)))
    if isinstance(picked, str):
        return picked[: rng.randint(0, len(picked))] if rng.random() < 0.2 else picked
    near = (
        picked + rng.choice((-1, 1, 0.5)) if rng.random() < 0.3 and abs(picked) < 1e15 else picked
    )
    return near if rng.random() < 0.8 else str(near)


def _part(rng: Random, value: Any) -> Any:
    """A value for `contains`: a part of the text, or an element, at times as a number."""
    if isinstance(value, list):
        picked = _scalar(rng, value)
        return _pool_text(rng) if picked is None or isinstance(picked, bool) else picked
    text = _text(rng, value)
    start = rng.randint(0, len(text))
    piece = text[start : rng.randint(start, len(text))] if rng.random() < 0.7 else text
    number = number_of(piece)
    if number is None or rng.random() < 0.7:
        return piece
    return int(piece) if piece.isdecimal() else number


def _beginning(rng: Random, value: Any) -> str:
    text = _text(rng, value)
    return text[: rng.randint(0, min(len(text), 5))] if rng.random() < 0.8 else text


def _ending(rng: Random, value: Any) -> str:
    text = _text(rng, value)
    return text[max(0, len(text) - rng.randint(0, 5)) :] if rng.random() < 0.8 else text


def _choices(rng: Random, value: Any) -> list[Any]:
    """The values of `in`: 1 to 6 scalars, seldom 1,000."""
    size = 1_000 if rng.random() < 0.01 else rng.randint(1, 6)
    pool = (_pool_number, _pool_text, lambda _: rng.choice((None, True, False)))
    others = [rng.choice(pool)(rng) for _ in range(size - 1)]
    listed = [_scalar(rng, value), *others]
    rng.shuffle(listed)
    return listed


def _text(rng: Random, value: Any) -> str:
    return text_of(value) or _pool_text(rng)


def _pool_text(rng: Random) -> str:
    pool = rng.choice((("ZA", "pro", "a", "b"), ODD_TEXTS, NUMERIC_TEXTS, NEARLY_NUMERIC_TEXTS))
    return rng.choice(pool)


def _pool_number(rng: Random) -> int | float:
    kind = rng.random()
    if kind < 0.4:
        return rng.randint(-3, 12)
    return int(rng.choice(INTEGERS)) if kind < 0.7 else float(rng.choice(FLOATS))


def _number(value: Number) -> int | float:
    digits = value.text.removeprefix("-")
    return int(value.text) if digits.isdecimal() and value.text != "-0" else value.double


VALUES: dict[str, Callable[[Random, Any], Any] | None] = {
    "eq": _scalar,
    "neq": _scalar,
    "gt": _comparable,
    "gte": _comparable,
    "lt": _comparable,
    "lte": _comparable,
    "contains": _part,
    "in": _choices,
    "not_in": _choices,
    "exists": None,
    "not_exists": None,
    "starts_with": _beginning,
    "ends_with": _ending,
    "matches": lambda rng, value: pattern(rng, _text(rng, value)),
}
