"""The shapes of interactions, and how the document describes their routes.

A stored interaction has the shape `InteractionSnapshot` of the model, which deliveries keep too.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from tocsin.api.openapi import describes, schema_of
from tocsin.api.schemas.problems import FieldProblem
from tocsin.api.schemas.shape import InstantText, Shape, doc, only_true
from tocsin.ingestion.batches import BatchResult
from tocsin.model.ceilings import RESOURCE_ID_LENGTH, TEXT_LENGTH
from tocsin.model.interactions.snapshot import InteractionSnapshot
from tocsin.model.interactions.verbatim import Verbatim

_EXAMPLE = {
    "resourceType": "CUSTOMER",
    "resourceId": "customer-4711",
    "action": "login",
    "origin": "WEB",
    "interaction": {"success": False, "country": "ZA"},
}

_Id = UUID | None | UnsetType
_Text = str | None | UnsetType
_Limited = Annotated[str, Meta(max_length=TEXT_LENGTH)] | None | UnsetType
_Timestamp = Annotated[
    InstantText | None,
    Meta(
        description="RFC 3339, not long ago and not in the future unless imported",
        examples=["2026-03-20T14:30:00.000Z"],
    ),
]


class InteractionDraftShape(Shape, kw_only=True):
    """Each of resourceType, action and origin by mnemonic or by id."""

    # The model's InteractionDraft decodes it: with wider types, so that every problem is reported.
    resource_id: Annotated[str, Meta(min_length=1, max_length=RESOURCE_ID_LENGTH)]
    resource_type: _Text = UNSET
    resource_type_id: _Id = UNSET
    action: _Text = UNSET
    action_id: _Id = UNSET
    origin: _Text = UNSET
    origin_id: _Id = UNSET
    interaction: dict[str, Any] | UnsetType = UNSET
    external_reference: _Limited = UNSET
    external_response: Annotated[Any, doc("Any JSON value, under the rules of payloads")] = UNSET
    timestamp: _Timestamp | UnsetType = UNSET
    uow_id: _Id = UNSET
    user_id: _Limited = UNSET
    interaction_id: _Id = UNSET


class ExportedInteraction(InteractionSnapshot, kw_only=True):
    """A line of an export: JSON values that have line ends have blanks for them there, and the
    text that was sent in `verbatim`."""

    verbatim: Verbatim | UnsetType = UNSET


class Repeat(Shape):
    """The response to a key without the role read for an id that was recorded before, and to any
    key for one that was erased."""

    interaction_id: UUID
    interaction_number: Annotated[int | None, doc("Null if it was erased")]
    duplicate: Annotated[bool, only_true("Recorded before, with the same content")]


class RejectionResponse(Shape):
    index: Annotated[int, doc("The position in the batch, from 0")]
    errors: list[FieldProblem]


class BatchResponse(Shape):
    accepted: Annotated[int, doc("Recorded now; without the duplicates")]
    duplicates: int
    rejected: list[RejectionResponse]

    @classmethod
    def of(cls, batch: BatchResult) -> BatchResponse:
        rejected = [
            RejectionResponse(index, list(map(FieldProblem.of, problems)))
            for index, problems in batch.rejected
        ]
        return cls(batch.accepted, batch.duplicates, rejected)


class PageResponse(Shape):
    interactions: list[InteractionSnapshot]
    next_cursor: Annotated[str | None, doc("null at the end")]


def _header(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "description": f"{description}. An empty header counts as not given",
        "schema": {"type": "string"},
    }


_HEADERS = [
    _header("x-interaction-timestamp", "The time of the interaction, if `timestamp` is left out"),
    _header("x-uowid", "The unit of work, if `uowId` is left out; else one per request"),
    _header("x-userid", "The user, if `userId` is left out"),
]


def _recording(arguments: dict[str, Any], status: int, says: str) -> dict[str, Any]:
    """Add the headers, and a second status with the same shape."""
    arguments["openapi_extra"]["parameters"] = _HEADERS
    first = arguments["responses"][arguments["status_code"]]
    arguments["responses"][status] = {**first, "description": says}
    return arguments


RECORD = _recording(
    describes(
        InteractionSnapshot,
        "Recorded",
        status=201,
        body=InteractionDraftShape,
        example=_EXAMPLE,
        problems=[409],
    ),
    200,
    "Recorded before: the stored interaction, or its id and number for a key that may not read",
)
RECORD["responses"][200]["content"] = {
    "application/json": {"schema": {"anyOf": [schema_of(InteractionSnapshot), schema_of(Repeat)]}}
}
RECORD_BATCH = _recording(
    describes(
        BatchResponse,
        "All recorded",
        status=201,
        body=[InteractionDraftShape],
        example=[_EXAMPLE],
    ),
    207,
    "Some were rejected",
)
RECORD_BATCH["openapi_extra"]["requestBody"]["content"]["application/x-ndjson"] = {
    "schema": {"type": "string", "description": "One interaction per line"}
}
RECORD_BATCH["responses"][422]["content"]["application/json"] = {"schema": schema_of(BatchResponse)}
LIST = describes(PageResponse, "A page, newest first")
GET = describes(InteractionSnapshot, "The interaction", problems=[404])
