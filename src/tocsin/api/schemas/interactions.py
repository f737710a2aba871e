"""What the OpenAPI document says of the routes of interactions, which come in many forms."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field as Member
from typing_extensions import TypedDict

from tocsin.api.openapi import documented, schema_of
from tocsin.api.schemas.metrics import FieldProblem

_EXAMPLE = {
    "resourceType": "CUSTOMER",
    "resourceId": "customer-4711",
    "action": "login",
    "origin": "WEB",
    "interaction": {"success": False, "country": "ZA"},
}

_Text = str | None
_Limited = Annotated[str | None, Member(max_length=512)]
_Timestamp = Annotated[
    str | None,
    Member(
        description="RFC 3339, not long ago and not in the future unless imported",
        examples=["2026-03-20T14:30:00.000Z"],
    ),
]


class InteractionDraft(TypedDict):
    """Each of resourceType, action and origin by mnemonic or by id."""

    resourceId: Annotated[str, Member(min_length=1, max_length=512)]
    resourceType: NotRequired[_Text]
    resourceTypeId: NotRequired[UUID | None]
    action: NotRequired[_Text]
    actionId: NotRequired[UUID | None]
    origin: NotRequired[_Text]
    originId: NotRequired[UUID | None]
    interaction: NotRequired[dict[str, Any]]
    externalReference: NotRequired[_Limited]
    externalResponse: NotRequired[
        Annotated[Any, Member(description="Any JSON value, under the rules of payloads")]
    ]
    timestamp: NotRequired[_Timestamp]
    uowId: NotRequired[UUID | None]
    userId: NotRequired[_Limited]
    interactionId: NotRequired[UUID | None]


class Interaction(TypedDict):
    interactionId: UUID
    interactionNumber: int
    resourceId: str
    resourceTypeId: UUID
    resourceType: str | None
    actionId: UUID
    action: str | None
    originId: UUID
    origin: str | None
    timestamp: datetime
    uowId: UUID | None
    userId: str | None
    externalReference: str | None
    externalResponse: Any
    interaction: dict[str, Any]


class Repeat(TypedDict):
    """All that a key without the role read is answered for an id that was recorded before."""

    interactionId: UUID
    interactionNumber: int
    duplicate: Literal[True]


class Rejection(TypedDict):
    index: Annotated[int, Member(description="Where it stands in the batch, from 0")]
    errors: list[FieldProblem]


class Batch(TypedDict):
    accepted: Annotated[int, Member(description="Recorded now; without the duplicates")]
    duplicates: int
    rejected: list[Rejection]


class Page(TypedDict):
    interactions: list[Interaction]
    nextCursor: Annotated[str | None, Member(description="null at the end")]


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "description": description, "schema": schema}


_EMPTY = ". An empty header counts as not given"
_HEADERS = [
    _header("x-interaction-timestamp", "When it happened, where `timestamp` is left out" + _EMPTY),
    _header(
        "x-uowid", "The unit of work, where `uowId` is left out; else the request is one" + _EMPTY
    ),
    _header("x-userid", "The user, where `userId` is left out" + _EMPTY),
]


def _recording(arguments: dict[str, Any], status: int, says: str) -> dict[str, Any]:
    """With the headers, and a second status that carries the same shape."""
    arguments["openapi_extra"]["parameters"] = _HEADERS
    first = arguments["responses"][arguments["status_code"]]
    arguments["responses"][status] = {**first, "description": says}
    return arguments


RECORD = _recording(
    documented(
        Interaction,
        "Recorded",
        status=201,
        body=InteractionDraft,
        example=_EXAMPLE,
        problems=[409],
    ),
    200,
    "Recorded before: what is stored, or its id and number for a key that may not read",
)
RECORD["responses"][200]["content"] = {
    "application/json": {"schema": {"anyOf": [schema_of(Interaction), schema_of(Repeat)]}}
}
RECORD_BATCH = _recording(
    documented(
        Batch,
        "All recorded",
        status=201,
        body=[InteractionDraft],
        example=[_EXAMPLE],
    ),
    207,
    "Some were rejected",
)
RECORD_BATCH["openapi_extra"]["requestBody"]["content"]["application/x-ndjson"] = {
    "schema": {"type": "string", "description": "An interaction a line"}
}
RECORD_BATCH["responses"][422]["content"]["application/json"] = {"schema": schema_of(Batch)}
LIST = documented(Page, "A page, the newest first")
GET = documented(Interaction, "The interaction", problems=[404])
