"""Record interactions, one or many, and read them back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from tocsin.api.auth import authorize, may_read, requires
from tocsin.api.bodies import read_body
from tocsin.api.headers import header
from tocsin.api.pooled import pooled
from tocsin.api.schemas import interactions
from tocsin.api.search_parameters import Searched
from tocsin.ingestion.recorder import Batch
from tocsin.ingestion.request_context import Request as SentWith
from tocsin.model.ceilings import BATCH_BYTES, BATCH_ROWS, PAGE_ROWS, SINGLE_BYTES
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.snapshot import snapshot
from tocsin.model.interactions.splitting import split_array, split_lines
from tocsin.model.key import Role
from tocsin.runtime import Runtime

PATH = "/api/interactions"
DEFAULT_PAGE = 100

History = Annotated[
    bool,
    Query(
        description="Take timestamps of any age from 1970 on, which TOCSIN_OLDEST_DAYS bounds "
        "otherwise."
    ),
]
Import = Annotated[
    bool,
    Query(
        alias="import",
        description="Record what another installation answered or exported; takes an admin key. "
        "interactionNumber is ignored, mnemonics decide where ids are unknown, nothing is filled "
        "in for a missing uowId, nobody is notified, and alerts look at it at their next slot. "
        "Takes timestamps from 1970 to 2299.",
    ),
]


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Interactions"])

    @router.post("", **requires(Role.INGEST), **interactions.RECORD)
    async def record_interaction(request: Request) -> Response:
        """Record one interaction. The same `interactionId` again answers 200: with what is stored
        if the key may read, else with its id and number. With other content it is a 409.

        An answer with 2xx means: on disk, and in every calculation that starts from now on.
        """
        return await record(runtime, request)

    @router.post("/batch", **requires(Role.INGEST), **interactions.RECORD_BATCH)
    async def record_batch(
        request: Request, import_: Import = False, history: History = False
    ) -> Response:
        """Record up to 10,000 interactions, each for itself: a JSON array, or a line each."""
        if import_:
            authorize(runtime, request, [Role.ADMIN])
        body = await read_body(request, BATCH_BYTES)
        sent_with = replace(
            _sent_with(runtime, request), is_import=import_, may_be_from_tocsin=import_
        )
        if import_:
            sent_with = replace(sent_with, times=runtime.import_times)
        elif history:
            sent_with = replace(sent_with, times=runtime.history_times)
        pool, split = runtime.pools.recording, partial(_items, request, body)
        batch = await runtime.intake.record_batch_on(pool, split, sent_with)
        return await pool.run(partial(_answer_batch, batch))

    @router.get("", **requires(Role.READ), **interactions.LIST)
    @pooled(runtime.pools.searches)
    def list_interactions(
        search: Searched,
        limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = DEFAULT_PAGE,
        cursor: str | None = None,
    ) -> Response:
        """The newest first, by timestamp and number; `from` is included, `to` is not."""
        page = runtime.history.page(search, limit, cursor)
        shown = [_shown(runtime, interaction) for interaction in page.interactions]
        return _json({"interactions": shown, "nextCursor": page.next_cursor})

    @router.get("/{id:uuid}", **requires(Role.READ), **interactions.GET)
    @pooled(runtime.pools.searches)
    def get_interaction(id: UUID) -> Response:
        """One interaction, its payload as it was sent."""
        return _json(_shown(runtime, runtime.history.get(id)))

    return router


async def record(runtime: Runtime, request: Request) -> Response:
    """201 with the stored interaction, or 200 if its id was recorded before."""
    raw = await read_body(request, SINGLE_BYTES)
    interaction, is_new = await runtime.intake.record(raw, _sent_with(runtime, request))
    if is_new:
        return _json(_shown(runtime, interaction), 201)
    id = UUID(bytes=interaction.interaction_id)
    if may_read(runtime, request):
        stored = await runtime.pools.recording.run(partial(runtime.history.recorded, id))
        return _json(_shown(runtime, stored), 200)
    # Who only records must not read what others recorded by trying their ids.
    number = interaction.interaction_number
    return _json({"interactionId": id, "interactionNumber": number, "duplicate": True}, 200)


def _answer_batch(batch: Batch) -> Response:
    kept = batch.accepted + batch.duplicates
    status = 201 if not batch.rejected else 207 if kept else 422
    return _json(_outcome(batch), status)


def _outcome(batch: Batch) -> dict[str, Any]:
    rejected = [
        {"index": index, "errors": [{"field": p.field, "message": p.message} for p in problems]}
        for index, problems in batch.rejected
    ]
    return {"accepted": batch.accepted, "duplicates": batch.duplicates, "rejected": rejected}


def _items(request: Request, body: bytes) -> list[bytes]:
    kind = (header(request, "content-type") or "").partition(";")[0].strip().lower()
    if kind in ("application/x-ndjson", "application/ndjson", "application/jsonl"):
        return split_lines(body, BATCH_ROWS)
    return split_array(body, BATCH_ROWS)


def _sent_with(runtime: Runtime, request: Request) -> SentWith:
    return SentWith(
        received=to_milliseconds(runtime.now()),
        # Clients send an empty header where a variable of theirs is not set.
        timestamp=header(request, "x-interaction-timestamp") or None,
        uow_id=header(request, "x-uowid") or None,
        user_id=header(request, "x-userid") or None,
        times=runtime.live_times,
    )


def _shown(runtime: Runtime, interaction: Interaction) -> dict[str, Any]:
    """The interaction as the API answers it; JSON values byte for byte as they were sent."""
    return snapshot(interaction, runtime.catalog)


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
