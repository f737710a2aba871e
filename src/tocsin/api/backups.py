"""The route that answers a backup of the data folder, as a tar archive."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tocsin.api.auth import requires
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes
from tocsin.api.pooled import chunks_on_threads, pooled
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditSubject
from tocsin.model.key import Role
from tocsin.runtime import Runtime

PATH = "/api/backup"
MEDIA_TYPE = "application/x-tar"

_DOCUMENT = describes(None, "The files of a data folder, and their manifest", problems=[409])
_DOCUMENT["responses"][200]["content"] = {MEDIA_TYPE: {"schema": {"type": "string"}}}

router = APIRouter(prefix=PATH, tags=["Service"])


@router.get("", **requires(Role.ADMIN), **_DOCUMENT)
@pooled("exports")
def back_up(runtime: App, actor: CurrentActor) -> Response:
    """Stream a backup of the data folder as of now, while recording goes on; `tocsin backup` stores
    it. It has the secrets of channels. The archive is complete if it ends with `manifest.json`.
    """
    backup = runtime.backups.begin()
    try:
        runtime.audit.record(
            AuditEntry(runtime.now(), actor.author, AuditAction.EXPORTED, AuditSubject.BACKUP)
        )
    except BaseException:
        runtime.backups.end()
        raise
    actor.log_change("backup made", interactions=backup.manifest.interactions)
    chunks = chunks_on_threads(runtime.pools.exports, backup.archive())
    return _BackupResponse(runtime, chunks, media_type=MEDIA_TYPE)


class _BackupResponse(StreamingResponse):
    """Removes the files of the backup in any case, also if the client disconnects before the first
    byte."""

    def __init__(self, runtime: Runtime, content: object, media_type: str) -> None:
        super().__init__(content, media_type=media_type)  # type: ignore[arg-type]
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Not awaited: a request that was cancelled cannot wait.
            asyncio.get_running_loop().run_in_executor(None, self._runtime.backups.end)
