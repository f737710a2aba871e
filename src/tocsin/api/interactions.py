"""Routes of interactions: record one or many, list, read.

The contract is "Interactions" in docs/reference/api.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from tocsin.api.auth import authorize, may_read, requires
from tocsin.api.bodies import json_response, read_body
from tocsin.api.dependencies import App
from tocsin.api.headers import header
from tocsin.api.pooled import pooled
from tocsin.api.schemas import interactions
from tocsin.api.schemas.interactions import BatchResponse, PageResponse, Repeat
from tocsin.api.search_parameters import SearchQuery
from tocsin.ingestion.batches import BatchResult
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.ceilings import BATCH_BYTES, BATCH_ROWS, PAGE_ROWS, SINGLE_BYTES
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.snapshot import snapshot
from tocsin.model.interactions.splitting import split_array, split_lines
from tocsin.model.key import Role
from tocsin.runtime import Runtime

PATH = "/api/interactions"
DEFAULT_PAGE = 100

HistoryParameter = Annotated[
    bool,
    Query(
        description="Accept timestamps of any age from 1970 on. Without it, TOCSIN_OLDEST_DAYS "
        "limits their age."
    ),
]
Import = Annotated[
    bool,
    Query(
        alias="import",
        description="Record interactions that another installation answered or exported; requires "
        "an admin key. interactionNumber is ignored, mnemonics are used where ids are unknown, a "
        "missing uowId stays empty, no notifications are sent, and alerts are evaluated at their "
        "next slot. Accepts timestamps from 1970 to 2299.",
    ),
]


router = APIRouter(prefix=PATH, tags=["Interactions"])


@router.post("", **requires(Role.INGEST), **interactions.RECORD)
async def record_interaction(runtime: App, request: Request) -> Response:
    """Record one interaction. The same `interactionId` again answers 200: with the stored
    interaction if the key may read, else with its id and number. With other content it is a 409.

    A response with 2xx means that it is on disk, and in every calculation that starts from now on.
    """
    return await record_one(runtime, request, await read_body(request, SINGLE_BYTES))


async def record_one(runtime: Runtime, request: Request, raw: bytes) -> Response:
    """Record the interaction in a JSON text, and answer with it as stored."""
    interaction, is_new = await runtime.recorder.record(raw, sent_with(runtime, request))
    if is_new:
        return json_response(snapshot(interaction, runtime.catalog), 201)
    id, number = UUID(bytes=interaction.interaction_id), interaction.interaction_number
    if not number:
        # It was erased.
        return json_response(Repeat(id, None, duplicate=True))
    if may_read(runtime, request):
        stored = await runtime.pools.recording.run(partial(runtime.history.recorded, id))
        return json_response(snapshot(stored, runtime.catalog))
    # A key that only records must not read what others recorded by trying their ids.
    return json_response(Repeat(id, number, duplicate=True))


@router.post("/batch", **requires(Role.INGEST), **interactions.RECORD_BATCH)
async def record_batch(
    runtime: App, request: Request, import_: Import = False, history: HistoryParameter = False
) -> Response:
    """Record up to 10,000 interactions, as a JSON array or as one line each. Each is validated
    independently of the others."""
    if import_:
        authorize(runtime, request, [Role.ADMIN])
    body = await read_body(request, BATCH_BYTES)
    context = replace(sent_with(runtime, request), is_import=import_, may_be_from_tocsin=import_)
    if import_:
        context = replace(context, times=runtime.times.imports)
    elif history:
        context = replace(context, times=runtime.times.history)
    pool, split = runtime.pools.recording, partial(_items, request, body)
    return await runtime.recorder.record_batch_on(pool, split, context, batch_response)


@router.get("", **requires(Role.READ), **interactions.LIST)
@pooled("searches")
def list_interactions(
    runtime: App,
    search: SearchQuery,
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = DEFAULT_PAGE,
    cursor: str | None = None,
) -> Response:
    """List interactions, newest first, by timestamp and number; `from` is included, `to` is not."""
    page = runtime.history.page(search, limit, cursor)
    snapshots = [snapshot(interaction, runtime.catalog) for interaction in page.interactions]
    return json_response(PageResponse(snapshots, page.next_cursor))


@router.get("/{id:uuid}", **requires(Role.READ), **interactions.GET)
@pooled("searches")
def get_interaction(runtime: App, id: UUID) -> Response:
    """Get one interaction, with the bytes of its payload as they were sent."""
    return json_response(snapshot(runtime.history.get(id), runtime.catalog))


def batch_response(batch: BatchResult) -> Response:
    """The response to a batch; its status tells whether interactions were rejected."""
    kept = batch.accepted + batch.duplicates
    status = 201 if not batch.rejected else 207 if kept else 422
    return json_response(BatchResponse.of(batch), status)


def _items(request: Request, body: bytes) -> list[bytes]:
    kind = (header(request, "content-type") or "").partition(";")[0].strip().lower()
    if kind in ("application/x-ndjson", "application/ndjson", "application/jsonl"):
        return split_lines(body, BATCH_ROWS)
    return split_array(body, BATCH_ROWS)


def sent_with(runtime: Runtime, request: Request) -> RequestContext:
    """The context of a request that records interactions."""
    return RequestContext(
        received=to_milliseconds(runtime.now()),
        # Clients send an empty header where a variable of theirs is not set.
        timestamp=header(request, "x-interaction-timestamp") or None,
        uow_id=header(request, "x-uowid") or None,
        user_id=header(request, "x-userid") or None,
        times=runtime.times.live,
    )
