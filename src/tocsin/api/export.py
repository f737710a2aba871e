"""The route that exports interactions as NDJSON."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import zstandard
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from tocsin.api.auth import requires
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.interactions import PATH
from tocsin.api.openapi import describes
from tocsin.api.pooled import chunks_on_threads, pooled
from tocsin.api.schemas.interactions import ExportedInteraction
from tocsin.api.search_parameters import SearchQuery
from tocsin.ingestion.export import Export
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditSubject
from tocsin.model.interactions.snapshot import InteractionSnapshot, snapshot
from tocsin.model.interactions.verbatim import Verbatim, without_line_ends
from tocsin.model.key import Role

MEDIA_TYPE = "application/x-ndjson"
LINES_PER_CHUNK = 1_000
_ZSTD_LEVEL = 3

_DOCUMENT = describes(None, "One line for each interaction, in the form of the list")
_DOCUMENT["responses"][200]["content"] = {MEDIA_TYPE: {"schema": {"type": "string"}}}


router = APIRouter(prefix=PATH, tags=["Interactions"])


@router.get("/export", **requires(Role.READ), **_DOCUMENT)
@pooled("exports")
def export_interactions(
    runtime: App, actor: CurrentActor, request: Request, search: SearchQuery
) -> Response:
    """Stream the interactions that the filters match, oldest first, as NDJSON; compressed with zstd
    if the client accepts it. Interactions recorded after the start of the export are not in it.

    A batch with `?import=true` records the lines in another installation. In a
    payload or response with line ends, each is replaced by a blank; `verbatim` has the original.
    """
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    runtime.audit.record(
        AuditEntry(
            runtime.now(),
            actor.author,
            AuditAction.EXPORTED,
            AuditSubject.INTERACTIONS,
            after=given,
        )
    )
    lines = _lines(Export(runtime.engine, runtime.catalog, search))
    headers = {"Vary": "Accept-Encoding"}
    if _accepts_zstd(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "zstd"
        lines = _compressed(lines)
    chunks = chunks_on_threads(runtime.pools.exports, lines)
    return StreamingResponse(chunks, headers=headers, media_type=MEDIA_TYPE)


def _lines(export: Export) -> Iterator[bytes]:
    """Chunks of at most LINES_PER_CHUNK lines."""
    for block in export.blocks():
        for start in range(0, len(block), LINES_PER_CHUNK):
            interactions = block[start : start + LINES_PER_CHUNK]
            yield msgspec.json.Encoder().encode_lines(
                [_exported(snapshot(interaction, export)) for interaction in interactions]
            )


def _exported(interaction: InteractionSnapshot) -> InteractionSnapshot:
    """The interaction without line ends, so that it is encoded as one line."""
    multiline = {
        name: raw
        for name in Verbatim.__struct_fields__
        if b"\n" in (raw := bytes(getattr(interaction, name))) or b"\r" in raw
    }
    if not multiline:
        return interaction
    in_one_line = {name: msgspec.Raw(without_line_ends(raw)) for name, raw in multiline.items()}
    verbatim = Verbatim(**{name: raw.decode() for name, raw in multiline.items()})
    members = msgspec.structs.asdict(interaction)
    return ExportedInteraction(**(members | in_one_line), verbatim=verbatim)


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    for chunk in chunks:
        if compressed := stream.compress(chunk):
            yield compressed
    yield stream.flush()


def _accepts_zstd(accepted: str) -> bool:
    """Whether the header names zstd with a weight other than 0 (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "zstd":
            value = weight.partition("=")[2].strip()
            return not value or value.strip("0.") != ""
    return False
