"""Validates the JSON values of an interaction: its payload and its `externalResponse`.

The last paragraph of "Fields" in docs/reference/semantics.md defines the rules. Most values are
proven valid by decoding them once and counting bytes; only the others are traversed.
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


class PayloadRejected(ValueError):
    """The payload cannot be recorded; the message says why and how to correct it."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """A valid payload, and the paths of its objects without a leaf, which the engine's JSON type
    drops."""

    members: Members
    leafless_objects: list[Path]


@dataclass(frozen=True, slots=True)
class PayloadHints:
    """The unusual features that a text may have; checks for all other features can be skipped."""

    escapes: bool
    endless_digits: bool
    leafless_objects: bool

    @classmethod
    def of(cls, raw: bytes) -> PayloadHints:
        # A byte is found many times faster than two: most bodies have no % and no backslash.
        return cls(
            escapes=(b"%" in raw and b"%2E" in raw) or (b"\\" in raw and b"\\u" in raw),
            endless_digits=_has_endless_digits(raw),
            leafless_objects=b"null" in raw or _EMPTY_OBJECT.search(raw) is not None,
        )


def _has_endless_digits(raw: bytes) -> bool:
    """Whether there may be 309 digits in a row; every 16th byte nearly always excludes it."""
    sample = raw[::_STRIDE].translate(_ZEROS)
    likely = _ENDLESS_DIGITS[::_STRIDE][1:] in sample
    return likely and _ENDLESS_DIGITS in raw.translate(_ZEROS)


def decode_together(raws: Sequence[bytes], hints: PayloadHints) -> list[Members] | None:
    """The members of many payloads, if one pass proves that no object has a repeated key; None if
    each must be validated separately.

    Each raw must be one JSON value. `hints` are those of all raws together.
    """
    together = b"[" + b",".join(raws) + b"]"
    try:
        payloads = _DECODE_ALL(together)
        return payloads if _says_no_key_twice(together, payloads, hints) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_payload(raw: bytes, hints: PayloadHints, members: Members | None = None) -> Payload:
    """Validate a payload; raises PayloadRejected ("Fields" in docs/reference/semantics.md).

    `hints` may be those of the payload or of its whole request; `members` is its result of
    `decode_together`.
    """
    members = _checked(raw, hints, members)
    if type(members) is not dict:
        raise PayloadRejected("must be a JSON object")
    return Payload(members, list(_leafless(members, ())) if hints.leafless_objects else [])


def check_value(raw: bytes, hints: PayloadHints) -> None:
    """Raise PayloadRejected for a JSON value, of any type, that breaks the rules of payloads.
    `hints` may be those of the value or of its whole request."""
    _checked(raw, hints, None)


def readable(raw: bytes) -> bytes:
    """The JSON value, or a JSON string of its text if common JSON readers fail on it. Earlier
    versions recorded such values as `externalResponse`."""
    try:
        value = _decode(raw)
        _reject_levels(value)
        _reject_endless_integers(value)
    except PayloadRejected:
        return _ENCODER.encode(raw.decode(errors="replace"))
    return raw


def _checked(raw: bytes, hints: PayloadHints, proven: Members | None) -> Any:
    """The decoded value; `proven` is its result of `decode_together`."""
    size = len(raw)
    if size > PAYLOAD_BYTES:
        raise PayloadRejected("is larger than 1 MiB")
    value: Any = _decode(raw) if proven is None else proven
    # A level takes at least two bytes.
    if size > 2 * PAYLOAD_LEVELS and raw.count(b"{") + raw.count(b"[") > PAYLOAD_LEVELS:
        _reject_levels(value)
    if proven is None and not _says_no_key_twice(raw, value, hints):
        _reject_repeated_keys(raw)
    if hints.escapes:
        _reject_escaped_dots(value)
    # A path takes at least five bytes.
    if size > 5 * PAYLOAD_PATHS and type(value) is dict and _paths(value) > PAYLOAD_PATHS:
        raise PayloadRejected(f"has more than {PAYLOAD_PATHS:,} different paths")
    if hints.endless_digits:
        _reject_endless_integers(value)
    return value


def _leafless(members: Members, prefix: Path) -> Iterator[Path]:
    for key, value in members.items():
        if type(value) is dict:
            if not any(leaf is not None and leaf != {} for _, leaf in leaves(value)):
                yield (*prefix, key)
            yield from _leafless(value, (*prefix, key))


def leaves(members: Members, prefix: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path that ends in a value other than an object with members, and that value."""
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
        raise PayloadRejected(f"is nested deeper than {PAYLOAD_LEVELS} levels") from None
    except msgspec.ValidationError:
        raise PayloadRejected("holds a number that no double can hold") from None
    except UnicodeDecodeError:
        raise PayloadRejected("holds text that is not valid Unicode") from None
    except msgspec.DecodeError as error:
        if re.search(rb"\\u[dD][89a-fA-F]", raw):
            raise PayloadRejected("holds text that is not valid Unicode") from None
        raise PayloadRejected(f"is not valid JSON: {error}") from None


def _says_no_key_twice(raw: bytes, value: Any, hints: PayloadHints) -> bool:
    """Whether no key is repeated: the decoder keeps one member of a repeated key, so its value is
    encoded with fewer colons. Only an escaped colon could compensate for it."""
    return not hints.escapes and _colons(raw) == _colons(_ENCODER.encode(value))


def _colons(raw: bytes) -> int:
    """The number of colons. With one in ten bytes, numpy needs a fifth of the time of `count`,
    except for short inputs."""
    if len(raw) < _MANY:
        return raw.count(b":")
    return int(np.count_nonzero(np.frombuffer(raw, np.uint8) == ord(":")))


def _reject_levels(value: Any) -> None:
    if _levels(value) > PAYLOAD_LEVELS:
        raise PayloadRejected(f"is nested deeper than {PAYLOAD_LEVELS} levels")


def _levels(value: Any) -> int:
    """The depth of nesting; a scalar has none."""
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


def _reject_repeated_keys(raw: bytes) -> None:
    def members(pairs: list[tuple[str, Any]]) -> Members:
        unique = dict(pairs)
        if len(unique) != len(pairs):
            seen: set[str] = set()
            repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise PayloadRejected(f"has the key {repeated!r} twice in one object")
        return unique

    # An integer literal is left as text: int() would refuse one of more than 4,300 digits.
    json.loads(raw, object_pairs_hook=members, parse_int=str)


def _reject_escaped_dots(value: Any) -> None:
    """The engine spells a dot in a key as %2E: two keys would share one path."""
    stack = [value]
    while stack:
        container = stack.pop()
        if type(container) is dict:
            if any("%2E" in key for key in container):
                raise PayloadRejected("has a key with the characters %2E in it")
            stack.extend(container.values())
        elif type(container) is list:
            stack.extend(container)


def _reject_endless_integers(value: Any) -> None:
    stack = [value]
    while stack:
        member = stack.pop()
        if type(member) is dict:
            stack.extend(member.values())
        elif type(member) is list:
            stack.extend(member)
        elif type(member) is int and not _fits_a_double(member):
            raise PayloadRejected("holds a number that no double can hold")


def _fits_a_double(integer: int) -> bool:
    try:
        return math.isfinite(float(integer))
    except OverflowError:
        return False
