"""Channels: list, read, add, replace, delete, and try one. Secrets are taken, never shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.api import notification_answers as answers
from tocsin.api.auth import requires
from tocsin.api.body import Body, answer, created, decode
from tocsin.api.openapi import documented, schema_of
from tocsin.model.channel import DRAFTS, Channel, WebhookDraft, read_channel
from tocsin.model.delivery import Attempt
from tocsin.model.instant import format_instant
from tocsin.model.key import Role
from tocsin.model.message import sample
from tocsin.runtime import Runtime

PATH = "/api/channels"
EXAMPLE = {
    "name": "On call",
    "kind": "webhook",
    "settings": {"url": "https://example.com/hooks/tocsin", "headers": {"X-Team": "payments"}},
}
_DRAFT = {"anyOf": [schema_of(draft) for draft in DRAFTS.values()]}


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Channels"])
    _add_reading(router, runtime)
    _add_changing(router, runtime)
    return router


def _add_reading(router: APIRouter, runtime: Runtime) -> None:
    reads = requires(Role.READ)

    @router.get("", **reads, **documented([answers.Channel], "Every channel, the first made first"))
    def list_channels() -> Response:
        """List all channels."""
        at = runtime.now()
        return answer([shown(channel, at) for channel in runtime.channels.all()])

    @router.get("/{id:uuid}", **reads, **documented(answers.Channel, "The channel", problems=[404]))
    def get_channel(id: UUID) -> Response:
        """Get one channel. Its secrets are shown as `***`."""
        return answer(shown(runtime.channels.get(id), runtime.now()))


def _add_changing(router: APIRouter, runtime: Runtime) -> None:
    changes = requires(Role.ADMIN)

    @router.post(
        "",
        **changes,
        **documented(answers.Channel, "Created", status=201, body=_DRAFT, example=EXAMPLE),
    )
    def create_channel(body: Body) -> Response:
        """Create a channel. The secret that a webhook is given if it brings none is in this answer
        and in no other."""
        draft = read_channel(decode(body))
        at = runtime.now()
        channel = runtime.channels.create(draft, at)
        is_given = isinstance(draft, WebhookDraft) and draft.settings.secret is None
        return created(shown(channel, at, with_secret=is_given), PATH, channel.channel_id)

    @router.put(
        "/{id:uuid}",
        **changes,
        **documented(answers.Channel, "Replaced", body=_DRAFT, example=EXAMPLE, problems=[404]),
    )
    def replace_channel(id: UUID, body: Body) -> Response:
        """Replace a channel, which ends its rest. A secret is kept where `***` stands for it."""
        draft = read_channel(decode(body), runtime.channels.get(id))
        at = runtime.now()
        channel = runtime.channels.replace(id, draft, at)
        runtime.notifier.wake()
        return answer(shown(channel, at))

    @router.delete(
        "/{id:uuid}", **changes, **documented(None, "Deleted", status=204, problems=[404, 409])
    )
    def delete_channel(id: UUID) -> Response:
        """Delete a channel that no subscription uses. What is pending in it has failed."""
        runtime.channels.delete(id, runtime.now())
        return Response(status_code=204)

    @router.post(
        "/{id:uuid}/test",
        **changes,
        **documented(answers.Trial, "What came of it", problems=[404]),
    )
    def test_channel(id: UUID) -> Response:
        """Send a sample, once, enabled or not, and say what came of it. This ends a rest of the
        channel, unless the receiver asks for another one."""
        channel = runtime.channels.get(id)
        attempt = runtime.notifier.send(channel, sample(channel, runtime.now()))
        return answer({"sent": attempt.receipt.is_sent, **shown_attempt(attempt)})


def shown(channel: Channel, at: datetime, *, with_secret: bool = False) -> dict[str, Any]:
    """A channel as the API answers it at an instant."""
    settings = channel.said.settings
    rest = channel.rests_until(at)
    return {
        "channelId": channel.channel_id,
        "name": channel.said.name,
        "kind": channel.kind,
        "settings": settings.revealed() if with_secret else settings.shown(),
        "enabled": channel.said.enabled,
        "disabledReason": channel.disabled_reason,
        "restingUntil": format_instant(rest) if rest else None,
        "createdDate": format_instant(channel.created_date),
        "modifiedDate": format_instant(channel.modified_date),
    }


def shown_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": format_instant(attempt.at),
        "httpStatus": attempt.receipt.http_status,
        "error": attempt.receipt.error,
        "durationMs": round(attempt.duration.total_seconds() * 1000),
    }
