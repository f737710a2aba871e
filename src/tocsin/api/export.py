"""The route that exports interactions as NDJSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

import msgspec
import zstandard
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from tocsin.api.auth import requires
from tocsin.api.dependencies import App
from tocsin.api.interactions import PATH
from tocsin.api.openapi import describes
from tocsin.api.pooled import pooled
from tocsin.api.schemas.interactions import ExportedInteraction
from tocsin.api.search_parameters import SearchQuery
from tocsin.ingestion.export import Export
from tocsin.model.interactions.snapshot import InteractionSnapshot, snapshot
from tocsin.model.interactions.verbatim import Verbatim, without_line_ends
from tocsin.model.key import Role
from tocsin.process.pools import Pool

MEDIA_TYPE = "application/x-ndjson"
LINES_AT_ONCE = 1_000
_ZSTD_LEVEL = 3

_DOCUMENT = describes(None, "One line for each interaction, in the form of the list")
_DOCUMENT["responses"][200]["content"] = {MEDIA_TYPE: {"schema": {"type": "string"}}}


router = APIRouter(prefix=PATH, tags=["Interactions"])


@router.get("/export", **requires(Role.READ), **_DOCUMENT)
@pooled("exports")
def export_interactions(runtime: App, request: Request, search: SearchQuery) -> Response:
    """Stream the interactions that the filters match, oldest first, as NDJSON; compressed with zstd
    if the client accepts it. Interactions recorded after the start of the export are not in it.

    A batch with `?import=true` records the lines in another installation. If a payload or a
    response has line ends, the line has blanks for them, and the original text in `verbatim`.
    """
    lines = _lines(Export(runtime.engine, runtime.catalog, search))
    headers = {"Vary": "Accept-Encoding"}
    if _accepts_zstd(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "zstd"
        lines = _packed(lines)
    pieces = _in_turn(runtime.pools.exports, lines)
    return StreamingResponse(pieces, headers=headers, media_type=MEDIA_TYPE)


async def _in_turn(pool: Pool, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece is made by a thread of the pool."""
    while (piece := await pool.run(partial(next, pieces, None))) is not None:
        yield piece


def _lines(export: Export) -> Iterator[bytes]:
    """Pieces of LINES_AT_ONCE lines at most."""
    for block in export.blocks():
        for start in range(0, len(block), LINES_AT_ONCE):
            interactions = block[start : start + LINES_AT_ONCE]
            yield msgspec.json.Encoder().encode_lines(
                [_exported(snapshot(interaction, export)) for interaction in interactions]
            )


def _exported(whole: InteractionSnapshot) -> InteractionSnapshot:
    """The interaction in one line."""
    broken = {
        name: raw
        for name in Verbatim.__struct_fields__
        if b"\n" in (raw := bytes(getattr(whole, name))) or b"\r" in raw
    }
    if not broken:
        return whole
    in_one_line = {name: msgspec.Raw(without_line_ends(raw)) for name, raw in broken.items()}
    verbatim = Verbatim(**{name: raw.decode() for name, raw in broken.items()})
    members = msgspec.structs.asdict(whole)
    return ExportedInteraction(**(members | in_one_line), verbatim=verbatim)


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
