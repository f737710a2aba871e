"""Interactions: the draft that a sender writes, and the record that is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from tocsin.model.ceilings import TEXT_LENGTH
from tocsin.model.interactions.redaction import Redactor
from tocsin.model.interactions.verbatim import Verbatim

ShortText = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH)]


class InteractionDraft(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    """An interaction as it is sent, without the values of the request's headers."""

    resource_id: str
    resource_type: str | None = None
    resource_type_id: str | None = None
    action: str | None = None
    action_id: str | None = None
    origin: str | None = None
    origin_id: str | None = None
    interaction: msgspec.Raw = msgspec.Raw(b"{}")
    external_reference: ShortText | None = None
    external_response: msgspec.Raw = msgspec.Raw(b"")
    timestamp: str | None = None
    uow_id: str | None = None
    user_id: ShortText | None = None
    interaction_id: str | None = None


class ImportedDraft(InteractionDraft, forbid_unknown_fields=True, rename="camel", gc=False):
    """An interaction as another installation answers or exports it; its number is ignored.

    `interaction` and `external_response` have blanks in place of the line ends of `verbatim`.
    """

    interaction_number: int | None = None
    verbatim: Verbatim | None = None


class Interaction(msgspec.Struct, gc=False):
    """An interaction as it is stored.

    Ids are the 16 bytes of a UUID, instants milliseconds since 1970 in UTC, JSON values the bytes
    that were sent (`external_response` empty where none was).
    """

    interaction_id: bytes
    resource_type_id: bytes
    action_id: bytes
    origin_id: bytes
    resource_id: str
    timestamp: int
    payload: bytes
    external_response: bytes
    uow_id: bytes | None
    user_id: str | None
    external_reference: str | None
    big_integers: Sequence[str]
    leafless_objects: Sequence[str]
    interaction_number: int = 0
    has_deliveries: bool = False
    """Whether its deliveries are in the store already, as those of a transition are."""
    compared: tuple[str, ...] = ()
    """The members that a repeat of this id must agree in: those that the sender gave, without the
    defaults of the server. Empty for interactions of Tocsin itself."""
    is_imported: bool = False
    """Whether it was imported: imports create no deliveries and trigger no alerts."""
    redactor: Redactor | None = None
    """That of its resource type, for the comparison with an interaction of the same id."""
