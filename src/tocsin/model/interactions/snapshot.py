"""The snapshot of an interaction: the members that the API returns and that a delivery stores.

JSON values are the bytes that were sent; mnemonics are those at the time of the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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
    """The only member of a stored snapshot that may be undecodable."""

    external_response: msgspec.Raw = msgspec.Raw(b"null")


_RESPONSE = msgspec.json.Decoder(_Response)


class EnvelopeSnapshot(msgspec.Struct, rename="camel"):
    """An interaction without its payload and its external response, which may be large."""

    interaction_id: UUID
    # Null in deliveries of a transition, which are stored before its interaction is appended and
    # numbered. The API returns an interaction only after that.
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
    """An interaction with all of its members."""

    external_response: msgspec.Raw
    interaction: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]


def snapshot(interaction: Interaction, catalog: Mnemonics) -> InteractionSnapshot:
    """All members of the interaction, with their names in the API."""
    return InteractionSnapshot(*_envelope(interaction, catalog), *contents(interaction).values())


def without_contents(interaction: Interaction, catalog: Mnemonics) -> EnvelopeSnapshot:
    """The members of the interaction except those of `contents`."""
    return EnvelopeSnapshot(*_envelope(interaction, catalog))


def contents(interaction: Interaction) -> dict[str, msgspec.Raw]:
    """The members that `without_contents` leaves out, by their names in the API."""
    return {
        "externalResponse": msgspec.Raw(interaction.external_response or b"null"),
        "interaction": msgspec.Raw(interaction.payload),
    }


def _envelope(interaction: Interaction, catalog: Mnemonics) -> tuple[Any, ...]:
    """The members of an EnvelopeSnapshot, in its order."""
    resource_type = _entry_id(interaction.resource_type_id)
    action = _entry_id(interaction.action_id)
    origin = _entry_id(interaction.origin_id)
    return (
        UUID(bytes=interaction.interaction_id),
        interaction.interaction_number or None,
        interaction.resource_id,
        resource_type,
        catalog.mnemonics(Kind.RESOURCE_TYPE).get(resource_type),
        action,
        catalog.mnemonics(Kind.ACTION).get(action),
        origin,
        catalog.mnemonics(Kind.ORIGIN).get(origin),
        format_milliseconds(interaction.timestamp),
        UUID(bytes=interaction.uow_id) if interaction.uow_id else None,
        interaction.user_id,
        interaction.external_reference,
    )


@lru_cache(maxsize=4096)
def _entry_id(raw: bytes) -> UUID:
    """Cached, because the interactions of most requests have few entries of the catalog."""
    return UUID(bytes=raw)


def readable_snapshot(stored: str) -> str:
    """A stored snapshot; an undecodable `externalResponse` is replaced by its text as a string.

    Earlier versions did not validate that member. Without the replacement, one undecodable value
    would make every list of deliveries fail.
    """
    try:
        response = bytes(_RESPONSE.decode(stored).external_response)
        if readable(response) == response:
            return stored
    except (msgspec.DecodeError, RecursionError):
        # The response is nested too deeply or is not Unicode, so the decoder cannot even skip it.
        pass
    members = dict(split_object(stored.encode()))
    members["externalResponse"] = readable(members["externalResponse"])
    raw = {name: msgspec.Raw(value) for name, value in members.items()}
    return msgspec.json.encode(raw).decode()
