"""The catalog: resource types, actions and origins.

The three differ only in their kind, so one class represents them.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.model.interactions.redaction import Redaction, Redactions
from tocsin.model.validation import WithoutNul

MNEMONIC = r"^[A-Za-z0-9_.:/-]{1,64}$"
MNEMONIC_RULE = "must be 1 to 64 letters, digits or any of _ . : / -"

_NOT_IN_MNEMONICS = re.compile(r"[^A-Za-z0-9_.:/-]")
_NAMESPACE = UUID("6e1d5c7e-0c1b-5e0e-9d3a-70c51a000002")


class Kind(StrEnum):
    """The kinds of catalog entry; the value is the JSON member that names an entry."""

    RESOURCE_TYPE = "resourceType"
    ACTION = "action"
    ORIGIN = "origin"

    @property
    def id_member(self) -> str:
        return f"{self.value}Id"

    @property
    def words(self) -> str:
        return "resource type" if self is Kind.RESOURCE_TYPE else self.value


Colour = Annotated[str, Member(pattern=r"^#[0-9A-Fa-f]{6}$", examples=["#1F6FEB"])]


def as_mnemonic(text: str) -> str:
    """The text of another system with `_` for each character that a mnemonic must not have."""
    return _NOT_IN_MNEMONICS.sub("_", text)


def _checked(mnemonic: str) -> str:
    if not re.fullmatch(MNEMONIC, mnemonic):
        raise ValueError(MNEMONIC_RULE)
    return mnemonic


Mnemonic = Annotated[
    str,
    AfterValidator(_checked),
    Member(json_schema_extra={"pattern": MNEMONIC}, examples=["CUSTOMER"]),
]


class EntryDraft(BaseModel):
    """The definition of an entry as a caller writes it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    mnemonic: Mnemonic
    title: Annotated[str, Member(min_length=1, max_length=200), WithoutNul()]
    description: Annotated[str, Member(max_length=4_000), WithoutNul()] | None = None
    icon: Annotated[str, Member(max_length=200), WithoutNul()] | None = None
    font_color_hex: Colour | None = None
    bg_color_hex: Colour | None = None


class ResourceTypeDraft(EntryDraft):
    """The definition of a resource type as a caller writes it."""

    redact: Redactions | None = Member(
        None,
        description="Payload fields that are dropped, or replaced by their HMAC, before an "
        "interaction is stored",
    )


DRAFTS: dict[Kind, type[EntryDraft]] = {
    Kind.RESOURCE_TYPE: ResourceTypeDraft,
    Kind.ACTION: EntryDraft,
    Kind.ORIGIN: EntryDraft,
}


class Entry(BaseModel):
    """An entry of the catalog."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    kind: Kind
    spec: EntryDraft
    is_system: bool = False
    created_date: datetime
    modified_date: datetime

    @property
    def mnemonic(self) -> str:
        return self.spec.mnemonic

    @property
    def redactions(self) -> tuple[Redaction, ...]:
        spec = self.spec
        return (spec.redact or ()) if isinstance(spec, ResourceTypeDraft) else ()

    @cached_property
    def id_bytes(self) -> bytes:
        """The id as an interaction holds it; cached, as each recorded interaction reads three."""
        return self.id.bytes


SYSTEM: tuple[tuple[Kind, str, str], ...] = (
    (Kind.RESOURCE_TYPE, "ALERT", "Alert"),
    (Kind.ACTION, "fired", "Alert fired"),
    (Kind.ACTION, "recovered", "Alert recovered"),
    (Kind.ACTION, "notified", "Delivery succeeded"),
    (Kind.ACTION, "notify-err", "Delivery failed"),
    (Kind.ORIGIN, "METRIC_EVAL", "Evaluation of an alert"),
    (Kind.ORIGIN, "NOTIFY", "Delivery of a notification"),
)


def system_id(kind: Kind, mnemonic: str) -> UUID:
    """The id of a system entry, the same in every installation."""
    return uuid5(_NAMESPACE, f"{kind}/{mnemonic}")
