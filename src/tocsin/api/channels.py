"""Routes of channels: list, read, create, replace, delete, test. Stored secrets are not shown.

The contract is "Channels" in docs/reference/alerts.md.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.auth import is_admin, requires
from tocsin.api.bodies import Body, created, decode, json_response
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes, describes_patch, schema_of
from tocsin.api.schemas.notifications import ChannelResponse, ChannelTest
from tocsin.model.key import Role
from tocsin.model.notifications.channel import (
    DRAFTS,
    Channel,
    ChannelDraft,
    ChannelKind,
    WebhookDraft,
    patched_channel,
    read_channel,
)
from tocsin.process.optimistic_locking import retry_changed

PATH = "/api/channels"
EXAMPLE = {
    "name": "On call",
    "kind": "webhook",
    "settings": {"url": "https://example.com/hooks/tocsin", "headers": {"X-Team": "payments"}},
}
_DRAFT = {"anyOf": [schema_of(draft) for draft in DRAFTS.values()]}
_SPEC: dict[str, Any] = {"body": _DRAFT, "example": EXAMPLE}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_PATCH = {
    "type": "object",
    "properties": {
        "name": _TEXT_OR_NULL,
        "kind": {"anyOf": [{"enum": list(ChannelKind)}, {"type": "null"}]},
        "settings": {"type": ["object", "null"], "description": "Members of those of its kind"},
        "enabled": {"type": ["boolean", "null"]},
    },
    "additionalProperties": False,
}
_READS, _CHANGES = requires(Role.READ), requires(Role.ADMIN)

router = APIRouter(prefix=PATH, tags=["Channels"])


@router.get("", **_READS, **describes([ChannelResponse], "All channels, oldest first"))
def list_channels(runtime: App, request: Request) -> Response:
    """List all channels. Secrets are shown as `***`, and the `url` of a webhook without its
    path unless the key has the role admin."""
    at, channels = runtime.now(), runtime.channels.all()
    return json_response(
        [ChannelResponse.of(channel, at, _visible(channel, request)) for channel in channels]
    )


@router.get("/{id:uuid}", **_READS, **describes(ChannelResponse, "The channel", problems=[404]))
def get_channel(runtime: App, request: Request, id: UUID) -> Response:
    """Get one channel, shown as in the list."""
    channel = runtime.channels.get(id)
    return json_response(ChannelResponse.of(channel, runtime.now(), _visible(channel, request)))


@router.post("", **_CHANGES, **describes(ChannelResponse, "Created", status=201, **_SPEC))
def create_channel(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Create a channel. A webhook without a secret is given one, which is in this response and
    in no other."""
    draft = read_channel(decode(body))
    channel = runtime.channel_service.create(draft, actor)
    response = ChannelResponse.of(channel, runtime.now(), _saved(channel, draft))
    return created(response, PATH, channel.channel_id)


@router.put(
    "/{id:uuid}", **_CHANGES, **describes(ChannelResponse, "Replaced", problems=[404], **_SPEC)
)
def replace_channel(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Replace a channel, which ends its pause. A secret given as `***` is kept as long as scheme,
    host and port of the URL stay. `"secret": null` generates a new one, which is in this response
    and in no other."""
    draft = read_channel(decode(body), runtime.channels.get(id))
    channel = runtime.channel_service.replace(id, draft, actor)
    return json_response(ChannelResponse.of(channel, runtime.now(), _saved(channel, draft)))


@router.patch(
    "/{id:uuid}",
    **_CHANGES,
    **describes_patch(ChannelResponse, [404, 409], _PATCH, {"enabled": False}),
)
def patch_channel(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Change members of a channel, also of its settings; null removes one. Secrets are kept as for
    a PUT, `"secret": null` generates a new one, and the channel's pause ends."""
    runtime.channels.get(id)
    patch = decode(body)

    def change() -> tuple[Channel, ChannelDraft]:
        former = runtime.channels.get(id)
        draft = read_channel(patched_channel(former.spec, patch), former)
        return runtime.channel_service.replace(id, draft, actor, former), draft

    channel, draft = retry_changed(change)
    return json_response(ChannelResponse.of(channel, runtime.now(), _saved(channel, draft)))


@router.delete(
    "/{id:uuid}", **_CHANGES, **describes(None, "Deleted", status=204, problems=[404, 409])
)
def delete_channel(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Delete a channel that no subscription uses. Its pending deliveries fail."""
    runtime.channel_service.delete(id, actor)
    return Response(status_code=204)


@router.post("/{id:uuid}/test", **_CHANGES, **describes(ChannelTest, "The result", problems=[404]))
def test_channel(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Send one sample, even to a disabled channel, and return the result. This ends
    a pause of the channel, unless the receiver requests another one."""
    _, attempt = runtime.channel_service.test(id, actor)
    return json_response(ChannelTest.of(attempt))


def generates_secret(draft: ChannelDraft) -> bool:
    """Whether Tocsin generates a secret for this channel, which is then shown once."""
    return isinstance(draft, WebhookDraft) and draft.settings.secret is None


def _visible(channel: Channel, request: Request) -> dict[str, Any]:
    settings = channel.spec.settings
    return settings.masked() if is_admin(request) else settings.masked_for_readers()


def _saved(channel: Channel, draft: ChannelDraft) -> dict[str, Any]:
    settings = channel.spec.settings
    return settings.with_secrets() if generates_secret(draft) else settings.masked()
