"""The base class of the JSON objects in responses, and the types of their members.

A shape is a msgspec struct. Its members are encoded in their order, with camel-case names; a member
that is `UNSET` is left out. The OpenAPI schema is derived from the annotations.
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
from tocsin.model.metrics.comparison import Offset
from tocsin.model.metrics.time_window import WindowSpelling


class Shape(msgspec.Struct, rename="camel"):
    """A JSON object in a response."""


def doc(description: str) -> msgspec.Meta:
    """The description of a member in the OpenAPI document."""
    return msgspec.Meta(description=description)


def only_true(description: str) -> msgspec.Meta:
    """The description of a member that is either true or left out."""
    return msgspec.Meta(description=description, extra_json_schema={"const": True})


def _text_of(model: Any) -> msgspec.Meta:
    """The schema of a value of the model that is encoded as text."""
    return msgspec.Meta(extra_json_schema=TypeAdapter(model).json_schema())


InstantText = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds. Not a datetime, of which msgspec writes a varying number of
digits."""

DurationText = Annotated[str, _text_of(Duration)]
WindowText = Annotated[str, _text_of(WindowSpelling)]
OffsetText = Annotated[str, _text_of(Offset)]
KeyText = Annotated[
    str | None,
    msgspec.Meta(description="Its key, unique for its kind, which stays when it is renamed"),
]
ManagedBy = Annotated[
    str | None, msgspec.Meta(description="The set of the file that created it; null if none did")
]
FieldText = Annotated[str, _text_of(Field)]


def instant_or_none(instant: datetime | None) -> InstantText | None:
    """The text of an instant by `format_instant`; None stays None."""
    return None if instant is None else format_instant(instant)


def to_json(shape: Shape) -> dict[str, Any]:
    """The members of a shape by their JSON names, for the pages; ids stay UUIDs."""
    members: dict[str, Any] = msgspec.to_builtins(shape, builtin_types=(UUID,))
    return members


def text_or_none(value: object) -> str | None:
    """The text of a value of the model; None stays None."""
    return None if value is None else str(value)


def mnemonic_of(catalog: Mnemonics, kind: Kind, id: UUID | None) -> str | None:
    """The current mnemonic of the entry; None for a deleted entry."""
    return catalog.mnemonics(kind).get(id) if id else None
