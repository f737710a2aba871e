"""The shapes of CloudEvents, and how the document describes their route."""

from __future__ import annotations

from typing import Any

from tocsin.api.openapi import JSON, describes, schema_of
from tocsin.api.schemas.interactions import BatchResponse, Repeat
from tocsin.model.interactions.snapshot import InteractionSnapshot

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_DATA = {"customer": "4711", "amount": 12.5}
_EXAMPLE = {
    "specversion": "1.0",
    "id": "A234-1234-1234",
    "source": "/shop",
    "type": "com.example.order.placed",
    "subject": "order-4711",
    "time": "2026-03-20T14:30:00Z",
    "resourcetype": "ORDER",
    "data": _DATA,
}


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, "minLength": 1, **more}


_SCHEMA = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _text("Identifies the event, together with its source"),
        "source": _text("The origin, unless ?origin= is given"),
        "type": _text("The action, unless ?action= is given"),
        "subject": _text("The resourceId; without it, source is"),
        "time": _text("The timestamp", format="date-time"),
        "resourcetype": _text("The resource type, unless ?resourceType= is given"),
        "authid": _text("The userId"),
        "datacontenttype": _text("The content type of the data; JSON without it"),
        "data": {"description": "The payload; a value that is no object is its member `data`"},
        "data_base64": _text("Binary data in place of `data`"),
    },
}


def _header(name: str, description: str) -> dict[str, Any]:
    text = f"{description}, in the binary mode; percent-encoded"
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


_HEADERS = [
    _header("ce-specversion", "`1.0`"),
    _header("ce-id", "The attribute `id`"),
    _header("ce-source", "The attribute `source`"),
    _header("ce-type", "The attribute `type`"),
    _header("ce-subject", "The attribute `subject`"),
    _header("ce-time", "The attribute `time`"),
    _header("ce-resourcetype", "The attribute `resourcetype`"),
    _header("ce-authid", "The attribute `authid`"),
]

RECORD = describes(
    {"anyOf": [schema_of(InteractionSnapshot), schema_of(BatchResponse)]},
    "The interaction, or the counts of a batch whose events were all recorded",
    status=201,
    body={"description": "The data of an event in the binary mode"},
    example=_DATA,
    problems=[409],
)
_responses = RECORD["responses"]
_responses[200] = {
    "description": "One event, recorded before: as for an interaction",
    "content": {JSON: {"schema": {"anyOf": [schema_of(InteractionSnapshot), schema_of(Repeat)]}}},
}
_responses[207] = {
    "description": "Some events of a batch were rejected",
    "content": {JSON: {"schema": schema_of(BatchResponse)}},
}
_responses[422]["content"][JSON] = {"schema": schema_of(BatchResponse)}
RECORD["openapi_extra"]["parameters"] = _HEADERS
RECORD["openapi_extra"]["requestBody"]["required"] = False
RECORD["openapi_extra"]["requestBody"]["content"] |= {
    EVENT: {"schema": _SCHEMA, "example": _EXAMPLE},
    BATCH: {"schema": {"type": "array", "items": _SCHEMA}, "example": [_EXAMPLE]},
}
