"""Erasures: a person or a resource whose interactions are erased, and the progress of it.

The subject of an erasure is stored until it is done; what stays is its digest, which recognizes it
in a restored backup.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput, Problem
from tocsin.model.ceilings import RESOURCE_ID_LENGTH, TEXT_LENGTH
from tocsin.model.validation import WithoutNul

_ID_BYTES = 16
_PAYLOAD_DIMENSION = "interaction_"


class SubjectKind(StrEnum):
    USER = "user"
    RESOURCE = "resource"


class ErasureState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"


class ErasureDraft(BaseModel):
    """A request to erase, as a caller writes it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    user_id: Annotated[str, Member(min_length=1, max_length=TEXT_LENGTH), WithoutNul()] | None = (
        None
    )
    resource_type: str | None = None
    resource_type_id: UUID | None = None
    resource_id: (
        Annotated[str, Member(min_length=1, max_length=RESOURCE_ID_LENGTH), WithoutNul()] | None
    ) = None
    dry_run: bool = False

    def check(self) -> None:
        """Raises InvalidInput unless it names either a user, or a resource with its type."""
        has_type = self.resource_type is not None or self.resource_type_id is not None
        if self.user_id is not None:
            if has_type or self.resource_id is not None:
                raise InvalidInput.at(
                    "userId", "excludes a resource: give a user, or a resource with its type"
                )
        elif self.resource_id is None:
            member = "resourceId" if has_type else "userId"
            raise InvalidInput.at(member, "is required: give a user, or a resource with its type")
        elif not has_type:
            raise InvalidInput(problems=[Problem("resourceType", "is required with resourceId")])


@dataclass(frozen=True, slots=True)
class DataSubject:
    """A user, or a resource; `resource_type_id` is None for a user."""

    value: str
    resource_type_id: UUID | None = None

    @property
    def kind(self) -> SubjectKind:
        return SubjectKind.USER if self.resource_type_id is None else SubjectKind.RESOURCE

    def matches(self, dimensions: Mapping[str, Any], scope: UUID | None) -> bool:
        """Whether the dimensions of a group name the subject. `scope` is the resource type of the
        metric, None if it has none or is unknown.

        A user is also named by a field of the payload with the same text. The id of a resource has
        a meaning within its type only, so such a field does not name it.
        """
        if self.resource_type_id is not None:
            is_of_type = scope is None or scope == self.resource_type_id
            return is_of_type and dimensions.get("resourceId") == self.value
        return any(
            text == self.value and (name == "userId" or name.startswith(_PAYLOAD_DIMENSION))
            for name, text in dimensions.items()
        )


@dataclass(frozen=True, slots=True)
class NamingDefinition:
    """A definition that has the value of a subject; `kind` is that of the audit trail."""

    kind: str
    id: UUID


class ErasureCounts(msgspec.Struct, frozen=True, rename="camel"):
    """The number of rows of each kind that have the subject."""

    interactions: int = 0
    deliveries: int = 0
    transitions: int = 0
    alert_states: int = 0
    bundles: int = 0

    def plus(self, other: ErasureCounts) -> ErasureCounts:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return ErasureCounts(*(mine + others for mine, others in pairs))


NOTHING = ErasureCounts()


@dataclass(frozen=True, slots=True)
class Erasure:
    """`subject` is None when it is erased, and in an erasure of a ledger. Interactions with numbers
    up to `upto` are erased. `problem` is what an operator has to do before it can end."""

    erasure_id: UUID
    kind: SubjectKind
    resource_type_id: UUID | None
    digest: str
    upto: int
    requested_date: datetime
    state: ErasureState = ErasureState.PENDING
    subject: DataSubject | None = None
    matched: ErasureCounts = NOTHING
    erased: ErasureCounts = NOTHING
    problem: str | None = None
    finished_date: datetime | None = None

    @property
    def is_of_ledger(self) -> bool:
        """Whether the subject has to be found by its digest."""
        return self.state is ErasureState.PENDING and self.subject is None

    def changed(self, **members: Any) -> Erasure:
        return replace(self, **members)


class ErasureHashes:
    """Hashes subjects and ids of interactions with a key that follows from the id of the
    installation, which every backup of it has, and a ledger has not."""

    def __init__(self, installation: str) -> None:
        self._key = sha256(f"tocsin erasures {installation}".encode()).digest()

    @property
    def name(self) -> str:
        """Distinguishes the key from those of other installations."""
        return hmac.digest(self._key, b"name", "sha256").hex()[:16]

    def subject(self, subject: DataSubject) -> str:
        parts = [subject.kind.value, str(subject.resource_type_id or ""), subject.value]
        return hmac.digest(self._key, json.dumps(parts).encode(), "sha256").hex()

    def interaction(self, id: bytes) -> bytes:
        """The hash of an interaction id, both of 16 bytes."""
        return hmac.digest(self._key, id, "sha256")[:_ID_BYTES]
