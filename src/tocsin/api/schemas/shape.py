"""The base of the shapes on the wire. One declaration is built, encoded and documented.

A shape is a msgspec struct: its members are encoded in their order and under camel-case names, a
member that is `UNSET` is left out, and its OpenAPI schema is derived from its annotations.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import TypeAdapter

from tocsin.model.duration import Duration
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.metric import Window


class Shape(msgspec.Struct, rename="camel"):
    """A JSON object in a response."""


def says(description: str) -> msgspec.Meta:
    """The description of a member in the OpenAPI document."""
    return msgspec.Meta(description=description)


def only_true(description: str) -> msgspec.Meta:
    """The description of a member that is true or left out."""
    return msgspec.Meta(description=description, extra_json_schema={"const": True})


def _text_of(model: Any) -> msgspec.Meta:
    """The schema of a value of the model that is written as text."""
    return msgspec.Meta(extra_json_schema=TypeAdapter(model).json_schema())


InstantText = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds; msgspec writes a datetime with as many digits as it has."""

DurationText = Annotated[str, _text_of(Duration)]
WindowText = Annotated[str, _text_of(Window)]
FieldText = Annotated[str, _text_of(Field)]


def instant_or_none(instant: datetime | None) -> InstantText | None:
    """`format_instant`, with None as null."""
    return None if instant is None else format_instant(instant)


def to_json(shape: Shape) -> dict[str, Any]:
    """The members of a shape by their names on the wire, for the pages; ids stay UUIDs."""
    members: dict[str, Any] = msgspec.to_builtins(shape, builtin_types=(UUID,))
    return members


def text_or_none(value: object) -> str | None:
    """The text of a value of the model, with None as null."""
    return None if value is None else str(value)


def mnemonic_of(catalog: Mnemonics, kind: Kind, id: UUID | None) -> str | None:
    """The mnemonic that the entry has now; null for an entry that was deleted."""
    return catalog.mnemonics(kind).get(id) if id else None
