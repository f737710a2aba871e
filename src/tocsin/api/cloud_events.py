"""The route of CloudEvents: structured, binary and batched mode of the HTTP protocol binding.

The contract is "CloudEvents" in docs/reference/api.md.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import read_body
from tocsin.api.cloud_event_headers import header_attributes
from tocsin.api.dependencies import App
from tocsin.api.headers import header
from tocsin.api.interactions import batch_response, record_one, sent_with
from tocsin.api.schemas import cloud_events
from tocsin.errors import InvalidInput, UnsupportedEventFormat
from tocsin.ingestion.batches import BatchResult
from tocsin.ingestion.cloud_events import EventBatch
from tocsin.model.ceilings import BATCH_BYTES, SINGLE_BYTES
from tocsin.model.interactions.cloud_event import (
    EventNames,
    attribute_problems,
    event_attributes,
    interaction_of,
)
from tocsin.model.key import Role
from tocsin.runtime import Runtime

PATH = "/api/cloudevents"

_ResourceType = Annotated[
    str | None, Query(alias="resourceType", description="In place of the attribute `resourcetype`")
]
_Action = Annotated[str | None, Query(description="In place of the attribute `type`")]
_Origin = Annotated[str | None, Query(description="In place of the attribute `source`")]

router = APIRouter(prefix=PATH, tags=["Interactions"])


@router.post("", **requires(Role.INGEST), **cloud_events.RECORD)
async def record_cloud_events(
    runtime: App,
    request: Request,
    resource_type: _ResourceType = None,
    action: _Action = None,
    origin: _Origin = None,
) -> Response:
    """Record CloudEvents 1.0 as interactions.

    The content type selects the mode: `application/cloudevents+json` has one event in the body,
    `application/cloudevents-batch+json` an array of events, and any other type the data of one
    event, whose attributes are in headers (`ce-id`, `ce-source` and so on). One event is answered
    as an interaction is, an array as a batch is; problems name the attributes of the event.
    """
    names = EventNames(resource_type, action, origin)
    media_type = (header(request, "content-type") or "").partition(";")[0].strip().lower()
    if media_type == cloud_events.BATCH:
        return await _record_batch(runtime, request, names)
    if media_type != cloud_events.EVENT and media_type.startswith("application/cloudevents"):
        raise UnsupportedEventFormat
    body = await read_body(request, SINGLE_BYTES)
    if media_type == cloud_events.EVENT:
        attributes = event_attributes(body)
    else:
        attributes = header_attributes(request, body)
    try:
        interaction = interaction_of(attributes, names)
    except InvalidInput:
        runtime.recorder.rejected += 1
        raise
    try:
        return await record_one(runtime, request, interaction)
    except InvalidInput as error:
        raise InvalidInput(problems=attribute_problems(error, attributes)) from error


async def _record_batch(runtime: Runtime, request: Request, names: EventNames) -> Response:
    batch = EventBatch(await read_body(request, BATCH_BYTES), names)
    return await runtime.recorder.record_batch_on(
        runtime.pools.recording,
        batch.interactions,
        sent_with(runtime, request),
        partial(_respond, runtime, batch),
    )


def _respond(runtime: Runtime, batch: EventBatch, recorded: BatchResult) -> Response:
    result = batch.result(recorded)
    # The recorder has counted those that it parsed.
    runtime.recorder.rejected += len(result.rejected) - len(recorded.rejected)
    return batch_response(result)
