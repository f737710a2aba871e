"""Redaction: payload fields of a resource type that are dropped, or replaced by their HMAC, before
an interaction is recorded.

"Redaction" in docs/reference/semantics.md defines the rules.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Member

from tocsin.model.interactions.field import Field
from tocsin.model.interactions.scalar import text_of

MAX_REDACTIONS = 50
PREFIX = "hmac:"
_REPLACED = re.compile(PREFIX + "[0-9a-f]{64}")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE = msgspec.json.Decoder()
_encode = msgspec.json.Encoder(order="sorted").encode


class Treatment(StrEnum):
    DROP = "drop"
    HMAC = "hmac"


def _payload_field(field: Field) -> Field:
    if field.column:
        raise ValueError("must be a key of the payload, such as interaction.email")
    return field


class Redaction(BaseModel):
    """A payload field, and the treatment of its values."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    field: Annotated[Field, AfterValidator(_payload_field)]
    treatment: Annotated[
        Treatment,
        Member(
            alias="with",
            description="drop removes the key; hmac replaces its value by an HMAC-SHA-256 with "
            "the key of the installation, so that it can be counted and grouped",
        ),
    ]


def _checked(redactions: tuple[Redaction, ...]) -> tuple[Redaction, ...]:
    paths = sorted(redaction.field.path for redaction in redactions)
    for path, following in pairwise(paths):
        if path == following:
            raise ValueError(f"has the field {Field.of_path(path)} twice")
        if path == following[: len(path)]:
            raise ValueError(f"has {Field.of_path(following)}, which {Field.of_path(path)} covers")
    return redactions


Redactions = Annotated[
    tuple[Redaction, ...], Member(max_length=MAX_REDACTIONS), AfterValidator(_checked)
]

_Tree = dict[str, Any]
"""By key: a Treatment, or the tree of the keys within."""


class Redactor:
    """Redacts the payloads of one resource type."""

    def __init__(self, redactions: Iterable[Redaction], key: bytes) -> None:
        self._key = key
        self._tree = _tree_of(redactions)

    def redact(self, raw: bytes, *, keeps_replaced: bool = False) -> bytes:
        """The payload, a valid JSON object, after redaction; the same object if it has none of the
        fields. With `keeps_replaced`, values that already are an HMAC stay, as in an import.

        Values that are not redacted keep their bytes; the blanks between the members of an object
        that has a redacted one are not kept.
        """
        return self._redacted(raw, self._tree, keeps_replaced)

    def _redacted(self, raw: bytes, tree: _Tree, keeps: bool) -> bytes:
        first = raw.lstrip()[:1]
        if first == b"{":
            return self._redacted_object(raw, tree, keeps)
        if first == b"[":
            elements = [bytes(element) for element in _ELEMENTS.decode(raw)]
            redacted = [self._redacted(element, tree, keeps) for element in elements]
            return raw if redacted == elements else b"[" + b",".join(redacted) + b"]"
        return raw

    def _redacted_object(self, raw: bytes, tree: _Tree, keeps: bool) -> bytes:
        members = _MEMBERS.decode(raw)
        kept: dict[str, bytes] = {}
        is_changed = False
        for name, member in members.items():
            value = kept[name] = bytes(member)
            treatment = tree.get(name)
            if treatment is None:
                continue
            if treatment is Treatment.DROP:
                del kept[name]
            elif treatment is Treatment.HMAC:
                kept[name] = _encode(self._replaced(_VALUE.decode(value), keeps))
            else:
                kept[name] = self._redacted(value, treatment, keeps)
            is_changed = is_changed or kept.get(name) != value
        return _written(kept) if is_changed else raw

    def _replaced(self, value: Any, keeps: bool) -> Any:
        if value is None:
            return None
        if type(value) is list:
            return [self._replaced(element, keeps) for element in value]
        if type(value) is dict:
            return self._digest(_encode(value))
        if keeps and type(value) is str and _REPLACED.fullmatch(value):
            return value
        text = text_of(value)
        assert text is not None
        return self._digest(text.encode())

    def _digest(self, text: bytes) -> str:
        return PREFIX + hmac.digest(self._key, text, "sha256").hex()


def redactions_within(
    redactions: Sequence[Redaction], fields: Iterable[Field]
) -> dict[Field, Treatment]:
    """The treatment of each of the fields that is redacted, or that is within a redacted one."""
    return {
        field: redaction.treatment
        for field in fields
        for redaction in redactions
        if field.path[: len(redaction.field.path)] == redaction.field.path
    }


def _tree_of(redactions: Iterable[Redaction]) -> _Tree:
    tree: _Tree = {}
    for redaction in redactions:
        *outer, last = redaction.field.path
        within = tree
        for key in outer:
            within = within.setdefault(key, {})
        within[last] = redaction.treatment
    return tree


def _written(members: dict[str, bytes]) -> bytes:
    parts = [_encode(name) + b":" + value for name, value in members.items()]
    return b"{" + b",".join(parts) + b"}"
