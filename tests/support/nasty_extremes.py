"""Payloads at the limits: what must be refused, what must just be accepted, and too many keys."""

import json
from random import Random

from support.nasty_payloads import Literal, Node, payload, written
from support.nasty_pools import FLOATS

_MIB = 1 << 20


def bad_payloads() -> list[tuple[str, str]]:
    """`(name, JSON text)` of well-formed payloads that are rejected.

    The rules are "Fields" in docs/reference/semantics.md.
    """
    return [
        *(
            (f"no object: {text}", text)
            for text in ("[]", '[{"a":1}]', '"{}"', "1", "null", "true")
        ),
        *_duplicate_keys(),
        *_unheld_numbers(),
        *_lone_surrogates(),
        *_escaped_dots(),
        ("65 levels of objects", nested("{", 65)),
        ("65 levels, arrays among them", nested("[", 65)),
        ("1,000 levels", nested("{", 1_000)),
        ("over 1 MiB", '{"a":"' + "x" * (_MIB - 7) + '"}'),
        ("over 1 MiB in bytes, not in characters", '{"a":"' + "é" * (_MIB // 2) + '"}'),
        ("2,001 paths", json.dumps({f"k{n}": n for n in range(2_001)})),
        ("4,002 paths in 2,001 objects", _nested_paths(2_001)),
    ]


def limit_payloads() -> list[tuple[str, str]]:
    """`(name, JSON text)` of payloads that are just acceptable."""
    return [
        ("64 levels of objects", nested("{", 64)),
        ("64 levels, arrays among them", nested("[", 64)),
        ("exactly 1 MiB", '{"a":"' + "x" * (_MIB - 8) + '"}'),
        ("exactly 1 MiB in bytes", '{"a":"' + "é" * (_MIB // 2 - 4) + '"}'),
        ("2,000 paths", json.dumps({f"k{n}": n for n in range(2_000)})),
        ("%2e in lower case, and %2 before an E", '{"a%2eb":1,"%2":2,"E":3,"%%2e":4}'),
        ("%2E in a value", '{"a":"x%2Ey"}'),
        ("the largest double", '{"a":1.7976931348623157e308,"b":[-1.7976931348623157e308]}'),
        ("too small for a double", '{"a":1e-400,"b":-1e-400,"c":"1e999"}'),
        ("a surrogate pair, written as escapes", r'{"\ud83d\ude00":"\uD83D\uDE00\u0000"}'),
        ("the same key in two objects", '{"a":{"b":1},"c":{"b":1},"l":[{"b":1},{"b":1}]}'),
        ("a key with a dot beside the nested one", '{"a.b":1,"a":{"b":2},"a.b.c":3}'),
        ("keys that differ by case or composition", '{"a":1,"A":2,"é":3,"e\u0301":4}'),
        ("empty keys", '{"":{"":{"":1}},"a":{"":2}}'),
        ("nothing", "{}"),
        ("only nothings", '{"a":null,"b":{},"c":[],"d":{"e":null},"f":[null,{}]}'),
    ]


def many_keys(rng: Random, count: int) -> list[str]:
    """`count` payload texts that together have more than 1,100 different keys.

    A path of the engine's JSON column has room of its own for 1,024. Each key is shared by a few
    of the payloads, which are otherwise as nasty as ever.
    """
    each = -(-1_100 // count)
    texts = []
    for index in range(count):
        own = [f"k{number}" for number in range(index * each, (index + 1) * each)]
        shared = [f"k{rng.randrange(1_100)}" for _ in range(20)]
        members = {key: _filler(rng) for key in (*own, *shared)}
        members[f"k.{index % 50}"] = _filler(rng)
        members[f"g{index % 30}"] = {rng.choice(own): _filler(rng), "k0": _filler(rng)}
        texts.append(_joined(rng, members, payload(rng)))
    return texts


def nested(opening: str, levels: int) -> str:
    """An object of `levels` levels, the inner ones objects or arrays, around a scalar."""
    before, after = ('{"a":', "}") if opening == "{" else ("[", "]")
    return '{"a":' + before * (levels - 1) + '"x"' + after * (levels - 1) + "}"


def _duplicate_keys() -> list[tuple[str, str]]:
    return [
        ("a key twice", '{"a":1,"a":1}'),
        ("a key twice, once null", '{"a":null,"a":1}'),
        ("a key twice, once escaped", r'{"a":1,"\u0061":2}'),
        ("a nested key twice", '{"a":{"b":1,"c":2,"b":3}}'),
        ("a key twice in an array's object", '{"a":[1,{"b":1,"b":2}]}'),
        ("an object's key twice", '{"a":{"b":1},"a":{"c":2}}'),
        ("the empty key twice", '{"":1,"":2}'),
    ]


def _unheld_numbers() -> list[tuple[str, str]]:
    literals = ("1e999", "-1e999", "1e309", "1.7976931348623159e308", "1" + "0" * 309)
    return [
        *((f"no double holds {text[:24]}", f'{{"a":{text}}}') for text in literals),
        ("no double holds a nested number", '{"a":{"b":1e999}}'),
        ("no double holds an element", '{"a":[1,[1e999]]}'),
    ]


def _lone_surrogates() -> list[tuple[str, str]]:
    return [
        ("a high surrogate", r'{"a":"\ud83d"}'),
        ("a low surrogate", r'{"a":"x\ude00y"}'),
        ("surrogates the wrong way round", r'{"a":"\ude00\ud83d"}'),
        ("two high surrogates", r'{"a":"\ud83d\ud83d"}'),
        ("a lone surrogate in a key", r'{"\ud800":1}'),
        ("a lone surrogate in an array", r'{"a":[{"b":["\udfff"]}]}'),
    ]


def _escaped_dots() -> list[tuple[str, str]]:
    return [
        ("%2E in a key", '{"a%2Eb":1}'),
        ("%2E in a key, escaped", r'{"a\u00252Eb":1}'),
        ("%2E in a nested key", '{"a":{"%2E":null}}'),
        ("%2E in a key in an array", '{"a":[{"x%2Ey":1}]}'),
    ]


def _nested_paths(count: int) -> str:
    return json.dumps({f"k{n}": {"a": n, "b": n} for n in range(count)})


def _filler(rng: Random) -> Node:
    return rng.choice(
        (Literal(rng.randint(0, 9)), Literal(rng.choice(FLOATS)), "x", "7", True, None)
    )


def _joined(rng: Random, members: dict[str, Node], text: str) -> str:
    """The members and those of a payload text in one object (their keys never meet)."""
    head, rest = written(rng, members).rstrip()[:-1], text.lstrip()[1:]
    return head + rest if rest.strip() == "}" else head + "," + rest
