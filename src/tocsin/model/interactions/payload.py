"""Checks the JSON values of an interaction: its payload, and its `externalResponse`.

The refusals are the last paragraph of "Fields" in docs/reference/semantics.md. Most values are
proven fine by decoding them once and by counting bytes; only what cannot be proven so is walked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from tocsin.model.ceilings import PAYLOAD_BYTES, PAYLOAD_LEVELS, PAYLOAD_PATHS

_DECODER = msgspec.json.Decoder()
_DECODE_ALL = msgspec.json.Decoder(list[dict[str, Any]]).decode
_ENCODER = msgspec.json.Encoder()
_ZEROS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in range(256))
_ENDLESS_DIGITS = b"0" * 309
_STRIDE = 16
_MANY = 16 * 1024
_EMPTY_OBJECT = re.compile(rb"\{\s*\}")

Members = dict[str, Any]
Path = tuple[str, ...]


class PayloadRefused(ValueError):
    """The payload cannot be recorded; the message says why and what would be right."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """A payload that may be recorded, and the paths of its objects without a single leaf, of
    which the engine's JSON type keeps no trace."""

    members: Members
    hollow_objects: list[Path]


@dataclass(frozen=True, slots=True)
class Traits:
    """What some bytes may hold; what they do not hold need not be looked for in each payload."""

    escapes: bool
    endless_digits: bool
    hollow_objects: bool

    @classmethod
    def of(cls, raw: bytes) -> Traits:
        # A byte is found many times faster than two: most bodies have no % and no backslash.
        return cls(
            escapes=(b"%" in raw and b"%2E" in raw) or (b"\\" in raw and b"\\u" in raw),
            endless_digits=_has_endless_digits(raw),
            hollow_objects=b"null" in raw or _EMPTY_OBJECT.search(raw) is not None,
        )


def _has_endless_digits(raw: bytes) -> bool:
    """Few of the bytes nearly always tell that there are not so many digits in a row."""
    some = raw[::_STRIDE].translate(_ZEROS)
    likely = _ENDLESS_DIGITS[::_STRIDE][1:] in some
    return likely and _ENDLESS_DIGITS in raw.translate(_ZEROS)


def decode_together(raws: Sequence[bytes], traits: Traits) -> list[Members] | None:
    """The members of many payloads, if one pass over all of them proves each to be an object
    that says no key twice; None if each has to be looked at by itself.

    Every raw must be one JSON value. `traits` are those of all of them together.
    """
    together = b"[" + b",".join(raws) + b"]"
    try:
        payloads = _DECODE_ALL(together)
        return payloads if _says_no_key_twice(together, payloads, traits) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_payload(raw: bytes, traits: Traits, members: Members | None = None) -> Payload:
    """The payload in some JSON; PayloadRefused where docs/reference/semantics.md refuses it.

    `traits` may be those of the payload, or of a whole request that it came with; `members` what
    `decode_together` made of it.
    """
    members = _checked(raw, traits, members)
    if type(members) is not dict:
        raise PayloadRefused("must be a JSON object")
    return Payload(members, list(_hollow(members, ())) if traits.hollow_objects else [])


def check_value(raw: bytes, traits: Traits) -> None:
    """Raise PayloadRefused for a JSON value that breaks the rules of payloads; it may be of any
    type. `traits` are those of the value, or of a whole request that it came with."""
    _checked(raw, traits, None)


def readable(raw: bytes) -> bytes:
    """The JSON value itself, or, if readers of JSON cannot be relied on to read it, a JSON string
    of its text. Earlier versions recorded such values as `externalResponse`."""
    try:
        value = _decode(raw)
        _refuse_levels(value)
        _refuse_endless_integers(value)
    except PayloadRefused:
        return _ENCODER.encode(raw.decode(errors="replace"))
    return raw


def _checked(raw: bytes, traits: Traits, proven: Members | None) -> Any:
    """The decoded value; `proven` is what `decode_together` made of it."""
    size = len(raw)
    if size > PAYLOAD_BYTES:
        raise PayloadRefused("is larger than 1 MiB")
    value: Any = _decode(raw) if proven is None else proven
    # A level takes two bytes at least.
    if size > 2 * PAYLOAD_LEVELS and raw.count(b"{") + raw.count(b"[") > PAYLOAD_LEVELS:
        _refuse_levels(value)
    if proven is None and not _says_no_key_twice(raw, value, traits):
        _refuse_repeated_keys(raw)
    if traits.escapes:
        _refuse_escaped_dots(value)
    # A path takes five bytes at least.
    if size > 5 * PAYLOAD_PATHS and type(value) is dict and _paths(value) > PAYLOAD_PATHS:
        raise PayloadRefused(f"has more than {PAYLOAD_PATHS:,} different paths")
    if traits.endless_digits:
        _refuse_endless_integers(value)
    return value


def _hollow(members: Members, prefix: Path) -> Iterator[Path]:
    for key, value in members.items():
        if type(value) is dict:
            if not any(leaf is not None and leaf != {} for _, leaf in leaves(value)):
                yield (*prefix, key)
            yield from _hollow(value, (*prefix, key))


def leaves(members: Members, prefix: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path that ends in something other than an object with members, and what is there."""
    for key, value in members.items():
        if type(value) is dict and value:
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def _paths(members: Members) -> int:
    return sum(1 for _ in leaves(members))


def _decode(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw)
    except RecursionError:
        raise PayloadRefused(f"is nested deeper than {PAYLOAD_LEVELS} levels") from None
    except msgspec.ValidationError:
        raise PayloadRefused("holds a number that no double can hold") from None
    except UnicodeDecodeError:
        raise PayloadRefused("holds text that is not valid Unicode") from None
    except msgspec.DecodeError as error:
        if re.search(rb"\\u[dD][89a-fA-F]", raw):
            raise PayloadRefused("holds text that is not valid Unicode") from None
        raise PayloadRefused(f"is not valid JSON: {error}") from None


def _says_no_key_twice(raw: bytes, value: Any, traits: Traits) -> bool:
    """Whether that is proven: of a key said twice the decoder keeps one, and a colon is missing
    when what it kept is written again. Only an escape could make up for it."""
    return not traits.escapes and _colons(raw) == _colons(_ENCODER.encode(value))


def _colons(raw: bytes) -> int:
    """Where every tenth byte is one, numpy takes a fifth of the time, once it has begun."""
    if len(raw) < _MANY:
        return raw.count(b":")
    return int(np.count_nonzero(np.frombuffer(raw, np.uint8) == ord(":")))


def _refuse_levels(value: Any) -> None:
    if _levels(value) > PAYLOAD_LEVELS:
        raise PayloadRefused(f"is nested deeper than {PAYLOAD_LEVELS} levels")


def _levels(value: Any) -> int:
    """How deep the value is nested; a scalar has no level."""
    deepest, stack = 0, [(value, 1)]
    while stack:
        container, level = stack.pop()
        if type(container) is dict:
            members: Any = container.values()
        elif type(container) is list:
            members = container
        else:
            continue
        deepest = max(deepest, level)
        stack.extend((member, level + 1) for member in members)
    return deepest


def _refuse_repeated_keys(raw: bytes) -> None:
    def members(pairs: list[tuple[str, Any]]) -> Members:
        unique = dict(pairs)
        if len(unique) != len(pairs):
            seen: set[str] = set()
            repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise PayloadRefused(f"says the key {repeated!r} twice in one object")
        return unique

    # An integer literal is left as text: int() would refuse one of more than 4,300 digits.
    json.loads(raw, object_pairs_hook=members, parse_int=str)


def _refuse_escaped_dots(value: Any) -> None:
    """%2E in a key is how the engine spells a dot; two keys would meet in one path."""
    stack = [value]
    while stack:
        container = stack.pop()
        if type(container) is dict:
            if any("%2E" in key for key in container):
                raise PayloadRefused("has a key with the characters %2E in it")
            stack.extend(container.values())
        elif type(container) is list:
            stack.extend(container)


def _refuse_endless_integers(value: Any) -> None:
    stack = [value]
    while stack:
        member = stack.pop()
        if type(member) is dict:
            stack.extend(member.values())
        elif type(member) is list:
            stack.extend(member)
        elif type(member) is int and not _fits_a_double(member):
            raise PayloadRefused("holds a number that no double can hold")


def _fits_a_double(integer: int) -> bool:
    try:
        return math.isfinite(float(integer))
    except OverflowError:
        return False
