"""Silences: whose transitions are not delivered for a while, and what was held back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.auth import actor_of, requires
from tocsin.api.bodies import Body, answer, created, decode
from tocsin.api.deliveries import read_cursor, shown_page
from tocsin.api.openapi import documented, schema_of
from tocsin.api.parameters import PageLimit
from tocsin.api.schemas import notifications as answers
from tocsin.model.instant import format_instant
from tocsin.model.key import Role
from tocsin.model.notifications.silence import Silence, SilenceDraft, read_silence
from tocsin.runtime import Runtime

PATH = "/api/silences"
EXAMPLE = {
    "labels": {"team": "payments"},
    "dimensions": {"interaction_country": "ZA"},
    "to": "2026-03-20T18:00:00.000Z",
    "from": "2026-03-20T14:00:00.000Z",
    "author": "ada",
    "reason": "planned maintenance",
}

_BODY = schema_of(SilenceDraft)


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Silences"])
    _add_reading(router, runtime)
    _add_changing(router, runtime)
    return router


def _add_reading(router: APIRouter, runtime: Runtime) -> None:
    reads = requires(Role.READ)

    @router.get("", **reads, **documented([answers.Silence], "Every silence, the first made first"))
    def list_silences() -> Response:
        """List all silences, those that are over too."""
        return answer([shown(silence) for silence in runtime.silences.all()])

    @router.get("/{id:uuid}", **reads, **documented(answers.Silence, "The silence", problems=[404]))
    def get_silence(id: UUID) -> Response:
        """Get one silence."""
        return answer(shown(runtime.silences.get(id)))

    @router.get(
        "/{id:uuid}/deliveries",
        **reads,
        **documented(answers.Deliveries, "A page, newest first", problems=[404, 422]),
    )
    def list_silenced_deliveries(
        id: UUID, limit: PageLimit = 100, cursor: str | None = None
    ) -> Response:
        """List what the silence held back, and what was sent of it after all."""
        runtime.silences.get(id)
        page = runtime.deliveries.page(limit, before=read_cursor(cursor), silence_id=id)
        return answer(shown_page(page))


def _add_changing(router: APIRouter, runtime: Runtime) -> None:
    changes = requires(Role.ADMIN)

    @router.post(
        "",
        **changes,
        **documented(answers.Silence, "Created", status=201, body=_BODY, example=EXAMPLE),
    )
    def create_silence(request: Request, body: Body) -> Response:
        """Create a silence. Transitions go on; their deliveries are kept as `silenced`."""
        draft = read_silence(decode(body), runtime.now())
        silence = runtime.silence_service.create(draft, actor_of(request))
        return created(shown(silence), PATH, silence.silence_id)

    @router.put(
        "/{id:uuid}",
        **changes,
        **documented(answers.Silence, "Replaced", problems=[404], body=_BODY, example=EXAMPLE),
    )
    def replace_silence(request: Request, id: UUID, body: Body) -> Response:
        """Replace a silence. What it held back stays held back."""
        runtime.silences.get(id)
        draft = read_silence(decode(body), runtime.now())
        return answer(shown(runtime.silence_service.replace(id, draft, actor_of(request))))

    @router.delete(
        "/{id:uuid}", **changes, **documented(None, "Deleted", status=204, problems=[404])
    )
    def delete_silence(request: Request, id: UUID) -> Response:
        """Delete a silence. What it held back stays held back."""
        runtime.silence_service.delete(id, actor_of(request))
        return Response(status_code=204)


def shown(silence: Silence) -> dict[str, Any]:
    """A silence as the API answers it."""
    return {
        "silenceId": silence.silence_id,
        "alertId": silence.alert_id,
        "labels": silence.labels,
        "dimensions": silence.dimensions,
        "from": format_instant(silence.start),
        "to": format_instant(silence.to),
        "author": silence.author,
        "reason": silence.reason,
        "createdDate": format_instant(silence.created_date),
        "modifiedDate": format_instant(silence.modified_date),
    }
