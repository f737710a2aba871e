"""The shapes of catalog entries: resource types, actions and origins."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.api.schemas.shape import FieldText, InstantText, Shape, doc
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.interactions.redaction import Redaction, Treatment


class _EntryResponse(Shape, kw_only=True):
    """The members that all kinds have in common; they follow the id, whose name differs."""

    mnemonic: str
    title: str
    description: str | None
    icon: str | None
    font_color_hex: str | None
    bg_color_hex: str | None
    is_system: bool
    created_date: InstantText
    modified_date: InstantText


class RedactionResponse(Shape):
    field: FieldText
    treatment: Treatment = msgspec.field(name="with")

    @classmethod
    def of(cls, redaction: Redaction) -> RedactionResponse:
        return cls(str(redaction.field), redaction.treatment)


class ResourceType(_EntryResponse):
    resource_type_id: UUID
    redact: Annotated[list[RedactionResponse], doc("Absent if there is none")] | UnsetType = UNSET


class Action(_EntryResponse):
    action_id: UUID


class Origin(_EntryResponse):
    origin_id: UUID


EntryResponse = ResourceType | Action | Origin

ENTRY_SHAPES: dict[Kind, type[EntryResponse]] = {
    Kind.RESOURCE_TYPE: ResourceType,
    Kind.ACTION: Action,
    Kind.ORIGIN: Origin,
}


def entry_response(entry: Entry) -> EntryResponse:
    spec = entry.spec
    response = ENTRY_SHAPES[entry.kind](
        entry.id,
        mnemonic=spec.mnemonic,
        title=spec.title,
        description=spec.description,
        icon=spec.icon,
        font_color_hex=spec.font_color_hex,
        bg_color_hex=spec.bg_color_hex,
        is_system=entry.is_system,
        created_date=format_instant(entry.created_date),
        modified_date=format_instant(entry.modified_date),
    )
    if isinstance(response, ResourceType) and entry.redactions:
        response.redact = list(map(RedactionResponse.of, entry.redactions))
    return response
