"""Record interactions, one or many, and read them back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from tocsin.api import documents
from tocsin.api.auth import requires
from tocsin.api.body import read_body
from tocsin.api.headers import header
from tocsin.errors import InvalidInput, Problem, TooLarge
from tocsin.ingest import Batch
from tocsin.model.catalog import Kind
from tocsin.model.instant import parse_instant, to_milliseconds
from tocsin.model.interaction import Interaction, split_array, split_lines
from tocsin.model.key import Role
from tocsin.model.search import Search
from tocsin.model.snapshot import snapshot
from tocsin.reader import Request as SentWith
from tocsin.runtime import Runtime

PATH = "/api/interactions"
MAX_SINGLE = 2 * 1024 * 1024
MAX_BATCH = 32 * 1024 * 1024
MAX_ROWS = 10_000
DEFAULT_PAGE = 100
MAX_PAGE = 1_000


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Interactions"])

    @router.post("", **requires(Role.INGEST), **documents.RECORD)
    async def record_interaction(request: Request) -> Response:
        """Record one interaction. The same `interactionId` again answers 200 with what is stored.

        An answer with 2xx means: on disk, and in every calculation that starts from now on.
        """
        return await record(runtime, request)

    @router.post("/batch", **requires(Role.INGEST), **documents.RECORD_BATCH)
    async def record_batch(request: Request) -> Response:
        """Record up to 10,000 interactions, each for itself: a JSON array, or a line each."""
        body = await read_body(request, MAX_BATCH)
        return await run_in_threadpool(_record_batch, runtime, request, body)

    @router.get("", **requires(Role.READ), **documents.LIST)
    def list_interactions(
        resourceTypeId: str | None = None,  # noqa: N803
        resourceType: str | None = None,  # noqa: N803
        resourceId: str | None = None,  # noqa: N803
        actionId: str | None = None,  # noqa: N803
        action: str | None = None,
        originId: str | None = None,  # noqa: N803
        origin: str | None = None,
        uowId: str | None = None,  # noqa: N803
        userId: str | None = None,  # noqa: N803
        from_: Annotated[str | None, Query(alias="from")] = None,
        to: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
        cursor: str | None = None,
    ) -> Response:
        """The newest first, by timestamp and number; `from` is included, `to` is not."""
        problems: list[Problem] = []
        types = _named(runtime, Kind.RESOURCE_TYPE, resourceType, resourceTypeId, problems)
        actions = _named(runtime, Kind.ACTION, action, actionId, problems)
        origins = _named(runtime, Kind.ORIGIN, origin, originId, problems)
        search = Search(
            resource_type_id=types,
            resource_id=resourceId,
            action_id=actions,
            origin_id=origins,
            uow_id=_uuid("uowId", uowId, problems),
            user_id=userId,
            start=_instant("from", from_, problems),
            to=_instant("to", to, problems),
        )
        if problems:
            raise InvalidInput(problems=problems)
        page = runtime.history.page(search, limit, cursor)
        shown = [_shown(runtime, interaction) for interaction in page.interactions]
        return _json({"interactions": shown, "nextCursor": page.next_cursor})

    @router.get("/{id:uuid}", **requires(Role.READ), **documents.GET)
    def get_interaction(id: UUID) -> Response:
        """One interaction, its payload as it was sent."""
        return _json(_shown(runtime, runtime.history.get(id)))

    return router


async def record(runtime: Runtime, request: Request) -> Response:
    """201 with the stored interaction, or 200 if its id was recorded before."""
    raw = await read_body(request, MAX_SINGLE)
    interaction, is_new = await runtime.intake.record(raw, _sent_with(runtime, request))
    if is_new:
        return _json(_shown(runtime, interaction), 201)
    id = UUID(bytes=interaction.interaction_id)
    return _json(_shown(runtime, await run_in_threadpool(runtime.history.get, id)), 200)


def _record_batch(runtime: Runtime, request: Request, body: bytes) -> Response:
    items = _items(request, body)
    if len(items) > MAX_ROWS:
        raise TooLarge(f"A batch holds at most {MAX_ROWS:,} interactions; this one {len(items):,}")
    batch = runtime.intake.record_batch(items, _sent_with(runtime, request))
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
        return split_lines(body)
    return split_array(body)


def _sent_with(runtime: Runtime, request: Request) -> SentWith:
    return SentWith(
        received=to_milliseconds(runtime.now()),
        timestamp=header(request, "x-interaction-timestamp"),
        uow_id=header(request, "x-uowid"),
        user_id=header(request, "x-userid"),
    )


def _shown(runtime: Runtime, interaction: Interaction) -> dict[str, Any]:
    """The interaction as the API answers it; JSON values byte for byte as they were sent."""
    return snapshot(interaction, runtime.catalog)


def _named(
    runtime: Runtime, kind: Kind, mnemonic: str | None, id: str | None, problems: list[Problem]
) -> UUID | None:
    """What a listing is narrowed to; a mnemonic or an id that nothing has is a problem."""
    found = _uuid(kind.id_member, id, problems)
    if mnemonic is None:
        return found
    entry = runtime.catalog.find(kind, mnemonic)
    if entry is None:
        problems.append(Problem(kind, f"is no {kind.words} of the catalog"))
    elif found is not None and found != entry.id:
        problems.append(Problem(kind, f"is not the {kind.words} that {kind.id_member} names"))
    return entry.id if entry else None


def _uuid(name: str, text: str | None, problems: list[Problem]) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        problems.append(Problem(name, "must be a UUID"))
        return None


def _instant(name: str, text: str | None, problems: list[Problem]) -> datetime | None:
    try:
        return parse_instant(text) if text is not None else None
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return None


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
