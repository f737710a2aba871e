"""Channels: list, read, add, replace, delete, and try one. Secrets are taken, never shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from operator import methodcaller
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.access import channel_fields
from tocsin.api.auth import actor_of, is_admin, requires
from tocsin.api.bodies import Body, answer, created, decode
from tocsin.api.openapi import documented, schema_of
from tocsin.api.schemas import notifications as answers
from tocsin.model.instant import format_instant
from tocsin.model.key import Role
from tocsin.model.notifications.channel import (
    DRAFTS,
    Channel,
    ChannelDraft,
    Settings,
    WebhookDraft,
    read_channel,
)
from tocsin.model.notifications.delivery import Attempt
from tocsin.model.notifications.message import sample
from tocsin.runtime import Runtime

PATH = "/api/channels"
EXAMPLE = {
    "name": "On call",
    "kind": "webhook",
    "settings": {"url": "https://example.com/hooks/tocsin", "headers": {"X-Team": "payments"}},
}
View = Callable[[Settings], dict[str, Any]]
_FOR_ADMINS: View = methodcaller("shown")
_FOR_READERS: View = methodcaller("shown_to_readers")
_WITH_SECRETS: View = methodcaller("revealed")
_DRAFT = {"anyOf": [schema_of(draft) for draft in DRAFTS.values()]}


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Channels"])
    _add_reading(router, runtime)
    _add_changing(router, runtime)
    return router


def _add_reading(router: APIRouter, runtime: Runtime) -> None:
    reads = requires(Role.READ)

    @router.get("", **reads, **documented([answers.Channel], "Every channel, the first made first"))
    def list_channels(request: Request) -> Response:
        """List all channels. Secrets are shown as `***`, and the `url` of a webhook without its
        path unless the key has the role admin."""
        at, view = runtime.now(), _view(request)
        return answer([shown(channel, at, view) for channel in runtime.channels.all()])

    @router.get("/{id:uuid}", **reads, **documented(answers.Channel, "The channel", problems=[404]))
    def get_channel(request: Request, id: UUID) -> Response:
        """Get one channel, shown as in the list."""
        return answer(shown(runtime.channels.get(id), runtime.now(), _view(request)))


def _add_changing(router: APIRouter, runtime: Runtime) -> None:
    changes = requires(Role.ADMIN)

    @router.post(
        "",
        **changes,
        **documented(answers.Channel, "Created", status=201, body=_DRAFT, example=EXAMPLE),
    )
    def create_channel(request: Request, body: Body) -> Response:
        """Create a channel. The secret that a webhook is given if it brings none is in this answer
        and in no other."""
        draft = read_channel(decode(body))
        at = runtime.now()
        channel = runtime.channels.create(draft, at)
        actor_of(request).log_change("channel created", **channel_fields(channel))
        return created(shown(channel, at, _view_of_saved(draft)), PATH, channel.channel_id)

    @router.put(
        "/{id:uuid}",
        **changes,
        **documented(answers.Channel, "Replaced", body=_DRAFT, example=EXAMPLE, problems=[404]),
    )
    def replace_channel(request: Request, id: UUID, body: Body) -> Response:
        """Replace a channel, which ends its rest. A secret is kept where `***` stands for it, as
        long as scheme, host and port of the URL stay. `"secret": null` makes a new one, which is in
        this answer and in no other."""
        draft = read_channel(decode(body), runtime.channels.get(id))
        at = runtime.now()
        channel = runtime.channels.replace(id, draft, at)
        actor_of(request).log_change("channel replaced", **channel_fields(channel))
        runtime.dispatcher.wake()
        return answer(shown(channel, at, _view_of_saved(draft)))

    @router.delete(
        "/{id:uuid}", **changes, **documented(None, "Deleted", status=204, problems=[404, 409])
    )
    def delete_channel(request: Request, id: UUID) -> Response:
        """Delete a channel that no subscription uses. What is pending in it has failed."""
        channel = runtime.channels.get(id)
        runtime.channels.delete(id, runtime.now())
        actor_of(request).log_change("channel deleted", **channel_fields(channel))
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
        attempt = runtime.dispatcher.send(channel, sample(channel, runtime.now()))
        return answer({"sent": attempt.result.is_sent, **shown_attempt(attempt)})


def is_given_secret(draft: ChannelDraft) -> bool:
    """Whether the store makes a secret for this channel, which is then shown once."""
    return isinstance(draft, WebhookDraft) and draft.settings.secret is None


def _view(request: Request) -> View:
    return _FOR_ADMINS if is_admin(request) else _FOR_READERS


def _view_of_saved(draft: ChannelDraft) -> View:
    return _WITH_SECRETS if is_given_secret(draft) else _FOR_ADMINS


def shown(channel: Channel, at: datetime, view: View = _FOR_ADMINS) -> dict[str, Any]:
    """A channel as the API answers it at an instant, with one of the views of its settings."""
    rest = channel.rests_until(at)
    return {
        "channelId": channel.channel_id,
        "name": channel.spec.name,
        "kind": channel.kind,
        "settings": view(channel.spec.settings),
        "enabled": channel.spec.enabled,
        "disabledReason": channel.disabled_reason,
        "restingUntil": format_instant(rest) if rest else None,
        "createdDate": format_instant(channel.created_date),
        "modifiedDate": format_instant(channel.modified_date),
    }


def shown_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": format_instant(attempt.at),
        "httpStatus": attempt.result.http_status,
        "error": attempt.result.error,
        "durationMs": round(attempt.duration.total_seconds() * 1000),
    }
