"""Payload texts: the ones that must be recorded and counted right, and the ones to refuse.

Everything comes from a `random.Random`, so that a seed says it all again. Payloads are built as
trees (dicts, lists, strings, booleans, None and `Literal` numbers) and written with the freedom
that JSON allows: white space, order of keys, `\\u` escapes.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from support.nasty_pools import (
    FLOATS,
    INTEGERS,
    MEETING_KEYS,
    NEARLY_NUMERIC_TEXTS,
    NOTATION_KEYS,
    NUMERIC_TEXTS,
    ODD_KEYS,
    ODD_TEXTS,
)

Node = Any
MAX_LEVELS = 64
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_COUNTRIES = ("ZA", "US", "DE", "GB", "za")
_PLANS = ("free", "pro", "enterprise", "Pro", "2026-03-20")


class Literal(str):
    """A JSON number as it is to be written."""


def payload(rng: Random) -> str:
    """The JSON text of one acceptable payload, tame and nasty keys mixed.

    White space between tokens may be a newline; as a line of NDJSON it has to be re-joined.
    """
    members: dict[str, Node] = {}
    if rng.random() < 0.85:
        members |= _tame(rng)
    for _ in range(rng.choice((0, 1, 2, 3, 4, 7))):
        members[_key(rng)] = _value(rng, 3)
    if rng.random() < 0.3:
        members |= rng.choice(_SHAPES)(rng)
    if rng.random() < 0.02:
        members = {}
    return written(rng, members)


def written(rng: Random, node: Node) -> str:
    """The node as JSON text, in one of the ways that JSON allows."""
    blanks = rng.choice(("", "", "", " ", "  ", " \t", "\n", "\r\n "))
    return _written(rng, node, blanks, rng.choice((0.0, 0.0, 0.0, 0.1, 1.0)))


def _written(rng: Random, node: Node, blanks: str, escapes: float) -> str:
    def blank() -> str:
        return rng.choice(("", blanks)) if blanks else ""

    if isinstance(node, Literal):
        return str(node)
    if isinstance(node, str):
        return _quoted(rng, node, escapes)
    if isinstance(node, dict):
        members = list(node.items())
        rng.shuffle(members)
        parts = [
            f"{_quoted(rng, key, escapes)}{blank()}:{blank()}{_written(rng, item, blanks, escapes)}"
            for key, item in members
        ]
        return "{" + blank() + f"{blank()},{blank()}".join(parts) + blank() + "}"
    if isinstance(node, list):
        parts = [_written(rng, item, blanks, escapes) for item in node]
        return "[" + blank() + f"{blank()},{blank()}".join(parts) + blank() + "]"
    return json.dumps(node)


def _quoted(rng: Random, text: str, escapes: float) -> str:
    return '"' + "".join(_character(rng, item, escapes) for item in text) + '"'


def _character(rng: Random, character: str, escapes: float) -> str:
    if rng.random() < escapes or character < " ":
        if character in _SHORT and rng.random() < 0.5:
            return _SHORT[character]
        units = character.encode("utf-16-be").hex()
        units = units.upper() if rng.random() < 0.5 else units
        return "".join("\\u" + units[at : at + 4] for at in range(0, len(units), 4))
    if character in '"\\' or (character == "/" and escapes):
        return "\\" + character
    return character


def _key(rng: Random) -> str:
    pool = rng.choices((MEETING_KEYS, ODD_KEYS, NOTATION_KEYS, ("",)), (55, 33, 10, 2))[0]
    return rng.choice(pool)


def _tame(rng: Random) -> dict[str, Node]:
    """A usual payload, with an occasional key missing, null or of another type."""
    usual: dict[str, Callable[[], Node]] = {
        "country": lambda: rng.choice(_COUNTRIES),
        "plan": lambda: rng.choice(_PLANS),
        "total": lambda: Literal(round(rng.uniform(-50, 500), 2)),
        "attempts": lambda: Literal(rng.randint(0, 9)),
        "active": lambda: rng.random() < 0.5,
        "day": lambda: f"2026-03-{rng.randint(1, 28):02}",
        "tags": lambda: [rng.choice(("a", "b", "vip")) for _ in range(rng.randint(0, 3))],
        "user": lambda: {"plan": rng.choice(_PLANS), "id": Literal(rng.randint(1, 5))},
    }
    members = {key: make() for key, make in usual.items() if rng.random() < 0.8}
    for key in members:
        if rng.random() < 0.08:
            members[key] = _ordinary(rng) if key == "attempts" else _value(rng, 2)
    return members


def _ordinary(rng: Random) -> Node:
    """Another type for a key whose sum should stay comparable: nothing huge."""
    small: tuple[Node, ...] = (
        Literal("2.5"),
        Literal("-0.0"),
        Literal("1e-7"),
        "3",
        " 3",
        "many",
        True,
        None,
        [],
        {},
    )
    return rng.choice(small)


def _value(rng: Random, levels: int) -> Node:
    makers: tuple[Callable[[], Node], ...] = (
        lambda: _text(rng),
        lambda: _number(rng),
        lambda: rng.random() < 0.5,
        lambda: None,
        lambda: _array(rng, levels),
        lambda: _object(rng, levels),
    )
    weights = (34, 32, 7, 7, 10, 10) if levels > 0 else (45, 40, 8, 7, 0, 0)
    return rng.choices(makers, weights)[0]()


def _text(rng: Random) -> str:
    pools = (_COUNTRIES, _PLANS, ODD_TEXTS, NUMERIC_TEXTS, NEARLY_NUMERIC_TEXTS, INTEGERS)
    return str(rng.choice(rng.choices(pools, (15, 15, 26, 18, 20, 6))[0]))


def _number(rng: Random) -> Literal:
    makers: tuple[Callable[[], object], ...] = (
        lambda: rng.randint(-3, 12),
        lambda: rng.choice(INTEGERS),
        lambda: rng.choice(FLOATS),
        lambda: round(rng.uniform(-100, 100), rng.randint(1, 4)),
        lambda: f"{rng.uniform(0, 10):.17g}",
        lambda: repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-30, 30)),
        lambda: rng.getrandbits(64) - (1 << 63),
    )
    return Literal(rng.choices(makers, (30, 20, 20, 16, 7, 5, 2))[0]())


def _array(rng: Random, levels: int) -> list[Node]:
    size = rng.choice((0, 1, 1, 2, 3, 5))
    kind = rng.random()
    if kind < 0.2:
        return [_number(rng) for _ in range(size)]
    if kind < 0.4:
        return [_text(rng) for _ in range(size)]
    if kind < 0.5:
        return [_object(rng, levels - 1) for _ in range(size)]
    return [_value(rng, levels - 1) for _ in range(size)]


def _object(rng: Random, levels: int) -> dict[str, Node]:
    if rng.random() < 0.15:
        return {}
    if rng.random() < 0.15:
        return {_key(rng): None for _ in range(rng.randint(1, 2))}
    keys = [
        _key(rng) if rng.random() < 0.2 else rng.choice(MEETING_KEYS)
        for _ in range(rng.randint(1, 3))
    ]
    return {key: _value(rng, levels - 1) for key in keys}


def _deep(rng: Random) -> dict[str, Node]:
    """A member that goes down to as many as the 64 levels a payload may have, itself the first."""
    node: Node = _value(rng, 0)
    arrays = rng.random() < 0.3
    for _ in range(rng.choice((MAX_LEVELS - 1, MAX_LEVELS - 1, rng.randint(2, 40)))):
        node = [node] if arrays else {rng.choice(("d", "d", "d", "a.b", "\\", ":`d`")): node}
    return {"deep": node}


_SHAPES: tuple[Callable[[Random], dict[str, Node]], ...] = (
    _deep,
    lambda rng: {"a.b": _value(rng, 0), "a": {"b": _value(rng, 0)}},
    lambda rng: {"a.b": {"c": _value(rng, 0)}, "a": {"b.c": _value(rng, 0), "b": {"c": "x"}}},
    lambda rng: {"a": _value(rng, 0), "a.b": _value(rng, 0)},
    lambda rng: {"": _value(rng, 1), "a": {"": _value(rng, 0), "b": _value(rng, 0)}},
    lambda rng: {"null": {"null": _value(rng, 0)}, "size0": [_value(rng, 0)]},
    lambda rng: {"e\u0301": _value(rng, 0), "é": _value(rng, 0)},
    lambda rng: {"user": {"plan": _value(rng, 0), "plan.id": Literal("1"), "Plan": _value(rng, 0)}},
    lambda rng: {f"{prefix}`a`": _value(rng, 1) for prefix in "@^:"} | {"a": _value(rng, 1)},
    lambda rng: {"a": {f"{prefix}`b`": _value(rng, 0) for prefix in "@^:"} | {"b": _value(rng, 0)}},
    lambda rng: {
        "a": {":`Int64`": _value(rng, 0), "b": {":`Int64`": Literal("1")}},
        "a[]": {"b": Literal("2")},
    },
    lambda rng: {"@`a`": {"b": _value(rng, 0)}, "a": [{"b": _value(rng, 0)}], "a.:`Int64`": "x"},
    lambda rng: {"a%2eb": _value(rng, 0), "a.b": _value(rng, 0)},
    lambda rng: {
        "n": [Literal("1"), Literal("2.5"), Literal(rng.choice(INTEGERS)), "x", True, None]
    },
    lambda rng: {"n": [{"a": _value(rng, 0)}, {"a": {"b": [_value(rng, 0)]}}, []]},
    lambda rng: {"b": {"a": None, "b": {}, "c": {"n": rng.choice((None, {}))}}},
)
