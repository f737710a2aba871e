"""The shapes of catalog entries: resource types, actions and origins."""

from __future__ import annotations

from uuid import UUID

from tocsin.api.schemas.shape import InstantText, Shape
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Entry, Kind


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


class ResourceType(_EntryResponse):
    resource_type_id: UUID


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
    return ENTRY_SHAPES[entry.kind](
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
