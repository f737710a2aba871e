"""What a sender may write, and what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from tocsin.model.ceilings import TEXT_LENGTH
from tocsin.model.interactions.verbatim import Verbatim

Text = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH)]


class Draft(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    """An interaction as it is sent, apart from what the headers add."""

    resource_id: str
    resource_type: str | None = None
    resource_type_id: str | None = None
    action: str | None = None
    action_id: str | None = None
    origin: str | None = None
    origin_id: str | None = None
    interaction: msgspec.Raw = msgspec.Raw(b"{}")
    external_reference: Text | None = None
    external_response: msgspec.Raw = msgspec.Raw(b"")
    timestamp: str | None = None
    uow_id: str | None = None
    user_id: Text | None = None
    interaction_id: str | None = None


class ImportedDraft(Draft, forbid_unknown_fields=True, rename="camel", gc=False):
    """An interaction as another installation answers or exports it; its number says nothing here.

    Its `interaction` and `external_response` have blanks for the line ends of `verbatim`.
    """

    interaction_number: int | None = None
    verbatim: Verbatim | None = None


class Interaction(msgspec.Struct, gc=False):
    """An interaction as it is recorded.

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
    hollow_objects: Sequence[str]
    interaction_number: int = 0
    is_told: bool = False
    """Whether its deliveries are written already, as those of a transition are."""
    compared: tuple[str, ...] = ()
    """The members in which a repeat of this id has to agree with what is recorded: those that the
    sender gave, not what the server filled in. None for what Tocsin itself records."""
    is_imported: bool = False
    """Whether it was recorded elsewhere before: then nobody is told, and no alert looks at once."""
