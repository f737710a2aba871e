"""The snapshot of an interaction: the members that the API answers and a delivery keeps.

JSON values are byte for byte as they were sent; mnemonics are those at the time of the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

import msgspec

from tocsin.model.instant import format_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import readable
from tocsin.model.interactions.splitting import split_object

_CONTENTS = ("externalResponse", "interaction")


class Mnemonics(Protocol):
    """The part of the catalog that a snapshot needs."""

    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]: ...


class _Told(msgspec.Struct, rename="camel"):
    """The member of a stored snapshot that may be unreadable."""

    external_response: msgspec.Raw = msgspec.Raw(b"null")


_TOLD = msgspec.json.Decoder(_Told)


def snapshot(interaction: Interaction, catalog: Mnemonics) -> dict[str, Any]:
    """The interaction by the names of the API, for the encoder of msgspec."""
    taken: dict[str, Any] = {
        "interactionId": UUID(bytes=interaction.interaction_id),
        # A transition has no number yet: its deliveries are written before it is appended.
        "interactionNumber": interaction.interaction_number or None,
        "resourceId": interaction.resource_id,
    }
    ids = (interaction.resource_type_id, interaction.action_id, interaction.origin_id)
    for kind, id in zip(Kind, (UUID(bytes=raw) for raw in ids), strict=True):
        taken[kind.id_member] = id
        taken[kind.value] = catalog.mnemonics(kind).get(id)
    return {**taken, **_envelope(interaction), **contents(interaction)}


def without_contents(interaction: Interaction, catalog: Mnemonics) -> dict[str, Any]:
    """The snapshot without the members whose size the sender decides."""
    taken = snapshot(interaction, catalog)
    return {name: value for name, value in taken.items() if name not in _CONTENTS}


def contents(interaction: Interaction) -> dict[str, Any]:
    """The members that `without_contents` leaves out."""
    response = interaction.external_response
    raws = msgspec.Raw(response) if response else None, msgspec.Raw(interaction.payload)
    return dict(zip(_CONTENTS, raws, strict=True))


def _envelope(interaction: Interaction) -> dict[str, Any]:
    return {
        "timestamp": format_milliseconds(interaction.timestamp),
        "uowId": UUID(bytes=interaction.uow_id) if interaction.uow_id else None,
        "userId": interaction.user_id,
        "externalReference": interaction.external_reference,
    }


def readable_snapshot(kept: str) -> str:
    """A stored snapshot; an unreadable `externalResponse` is replaced by its text.

    Earlier versions did not validate it, and one that cannot be decoded would fail every list.
    """
    try:
        response = bytes(_TOLD.decode(kept).external_response)
        if readable(response) == response:
            return kept
    except (msgspec.DecodeError, RecursionError):
        # It is nested too deeply, or is not Unicode: the decoder cannot even skip it.
        pass
    members = dict(split_object(kept.encode()))
    members["externalResponse"] = readable(members["externalResponse"])
    raw = {name: msgspec.Raw(value) for name, value in members.items()}
    return msgspec.json.encode(raw).decode()
