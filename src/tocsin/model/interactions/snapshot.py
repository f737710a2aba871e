"""The snapshot of an interaction: the members that the API answers and a delivery keeps.

JSON values are byte for byte as they were sent; mnemonics are those at the time of the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol
from uuid import UUID

import msgspec

from tocsin.model.instant import format_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import readable
from tocsin.model.interactions.splitting import split_object


class Mnemonics(Protocol):
    """The mnemonics of the catalog, by kind and id."""

    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]: ...


class _Response(msgspec.Struct, rename="camel"):
    """The member of a stored snapshot that may be unreadable."""

    external_response: msgspec.Raw = msgspec.Raw(b"null")


_RESPONSE = msgspec.json.Decoder(_Response)


class EnvelopeSnapshot(msgspec.Struct, rename="camel"):
    """An interaction without the members whose size the sender decides."""

    interaction_id: UUID
    # Null in the deliveries of a transition, which are written before it is appended. The API does
    # not answer an interaction before that.
    interaction_number: int
    resource_id: str
    resource_type_id: UUID
    resource_type: str | None
    action_id: UUID
    action: str | None
    origin_id: UUID
    origin: str | None
    timestamp: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
    uow_id: UUID | None
    user_id: str | None
    external_reference: str | None


class InteractionSnapshot(EnvelopeSnapshot):
    """An interaction."""

    external_response: msgspec.Raw
    interaction: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]


def snapshot(interaction: Interaction, catalog: Mnemonics) -> InteractionSnapshot:
    """The interaction by the names of the API."""
    return InteractionSnapshot(*_envelope(interaction, catalog), *contents(interaction).values())


def without_contents(interaction: Interaction, catalog: Mnemonics) -> EnvelopeSnapshot:
    return EnvelopeSnapshot(*_envelope(interaction, catalog))


def contents(interaction: Interaction) -> dict[str, msgspec.Raw]:
    """The members that `without_contents` leaves out, by the names of the API."""
    return {
        "externalResponse": msgspec.Raw(interaction.external_response or b"null"),
        "interaction": msgspec.Raw(interaction.payload),
    }


def _envelope(interaction: Interaction, catalog: Mnemonics) -> tuple[Any, ...]:
    """The members of an EnvelopeSnapshot, in its order."""
    ids = (interaction.resource_type_id, interaction.action_id, interaction.origin_id)
    entries: list[UUID | str | None] = []
    for kind, raw in zip(Kind, ids, strict=True):
        id = UUID(bytes=raw)
        entries += id, catalog.mnemonics(kind).get(id)
    return (
        UUID(bytes=interaction.interaction_id),
        interaction.interaction_number or None,
        interaction.resource_id,
        *entries,
        format_milliseconds(interaction.timestamp),
        UUID(bytes=interaction.uow_id) if interaction.uow_id else None,
        interaction.user_id,
        interaction.external_reference,
    )


def readable_snapshot(kept: str) -> str:
    """A stored snapshot; an unreadable `externalResponse` is replaced by its text.

    Earlier versions did not validate it, and one that cannot be decoded would fail every list.
    """
    try:
        response = bytes(_RESPONSE.decode(kept).external_response)
        if readable(response) == response:
            return kept
    except (msgspec.DecodeError, RecursionError):
        # It is nested too deeply, or is not Unicode: the decoder cannot even skip it.
        pass
    members = dict(split_object(kept.encode()))
    members["externalResponse"] = readable(members["externalResponse"])
    raw = {name: msgspec.Raw(value) for name, value in members.items()}
    return msgspec.json.encode(raw).decode()
