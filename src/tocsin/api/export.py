"""Stream interactions as NDJSON, for another installation or for anything else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import msgspec
import zstandard
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from tocsin.api.auth import requires
from tocsin.api.interactions import PATH
from tocsin.api.openapi import documented
from tocsin.api.pooled import pooled
from tocsin.api.search_parameters import Searched
from tocsin.ingestion.export import Export
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.snapshot import snapshot
from tocsin.model.interactions.verbatim import Verbatim, without_line_ends
from tocsin.model.key import Role
from tocsin.process.pools import Pool
from tocsin.runtime import Runtime

MEDIA_TYPE = "application/x-ndjson"
LINES_AT_ONCE = 1_000
_ZSTD_LEVEL = 3

_DOCUMENT = documented(None, "A line for each interaction, as the list answers it")
_DOCUMENT["responses"][200]["content"] = {MEDIA_TYPE: {"schema": {"type": "string"}}}


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Interactions"])

    @router.get("/export", **requires(Role.READ), **_DOCUMENT)
    @pooled(runtime.pools.exports)
    def export_interactions(request: Request, search: Searched) -> Response:
        """Stream everything that the filters match, the oldest first, as NDJSON; packed as zstd
        for those who accept that. It holds what was recorded when it began.

        A batch with `?import=true` records it elsewhere. Where a payload or a response holds line
        ends, the line has blanks for them, and the text as it was sent in `verbatim`.
        """
        lines = _lines(runtime.export(search))
        headers = {"Vary": "Accept-Encoding"}
        if _accepts_zstd(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "zstd"
            lines = _packed(lines)
        pieces = _in_turn(runtime.pools.exports, lines)
        return StreamingResponse(pieces, headers=headers, media_type=MEDIA_TYPE)

    return router


async def _in_turn(pool: Pool, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, each made by a thread of the pool."""
    while (piece := await pool.run(partial(next, pieces, None))) is not None:
        yield piece


def _lines(export: Export) -> Iterator[bytes]:
    """Lines in pieces, each of some of them."""
    for block in export.blocks():
        for start in range(0, len(block), LINES_AT_ONCE):
            some = block[start : start + LINES_AT_ONCE]
            yield msgspec.json.Encoder().encode_lines([_shown(one, export) for one in some])


def _shown(interaction: Interaction, export: Export) -> dict[str, Any]:
    """The interaction as the API answers it, in one line."""
    shown = snapshot(interaction, export)
    verbatim = {}
    for name in Verbatim.__struct_encode_fields__:
        raw = bytes(shown[name] or b"")
        if b"\n" in raw or b"\r" in raw:
            verbatim[name] = raw.decode()
            shown[name] = msgspec.Raw(without_line_ends(raw))
    return {**shown, "verbatim": verbatim} if verbatim else shown


def _packed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    stream = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    for piece in pieces:
        if packed := stream.compress(piece):
            yield packed
    yield stream.flush()


def _accepts_zstd(accepted: str) -> bool:
    """Whether the header names zstd, and not as refused (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "zstd":
            value = weight.partition("=")[2].strip()
            return not value or value.strip("0.") != ""
    return False
