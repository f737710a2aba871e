"""The page and the form of channels, and the test message that an admin can send."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.api.channels import generates_secret
from tocsin.api.schemas.notifications import ChannelResponse
from tocsin.api.schemas.shape import to_json
from tocsin.errors import TocsinError
from tocsin.model.notifications.channel import Channel, ChannelKind, read_channel
from tocsin.web.forms import Form
from tocsin.web.quoting import write_pairs
from tocsin.web.rendering import Admin, Pages, Reader, Site, redirect
from tocsin.web.routing import PageRouter

PATH = "/web/channels"
_SETTINGS = dict.fromkeys(("url", "headers", "secret", "webhookUrl", "to", "routingKey"))


router = PageRouter()


@router.get(PATH)
def channels(pages: Site, request: Request, viewer: Reader) -> Response:
    return _list(pages, request, for_admin=viewer.may_change)


@router.get(PATH + "/new")
def new_channel(pages: Site, request: Request, _viewer: Admin) -> Response:
    return _form(pages, request, {"kind": ChannelKind.WEBHOOK, "enabled": True})


@router.get(PATH + "/{id:uuid}")
def edit_channel(pages: Site, request: Request, _viewer: Admin, id: UUID) -> Response:
    channel = pages.runtime.channels.get(id)
    spec = ChannelResponse.of(channel, pages.runtime.now(), channel.spec.settings.masked())
    return _form(pages, request, to_json(spec), editing=id)


@router.post(PATH + "/new")
def create_channel(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    runtime, spec = pages.runtime, channel_in(Form(body))
    try:
        draft = read_channel(spec)
        channel = runtime.channel_service.create(draft, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, spec, error)
    return _list(pages, request, new=channel) if generates_secret(draft) else redirect(PATH)


@router.post(PATH + "/{id:uuid}")
def replace_channel(pages: Site, request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
    runtime, spec = pages.runtime, channel_in(Form(body))
    try:
        draft = read_channel(spec, runtime.channels.get(id))
        channel = runtime.channel_service.replace(id, draft, viewer.actor)
    except TocsinError as error:
        return _form(pages, request, spec, error, editing=id)
    return _list(pages, request, new=channel) if generates_secret(draft) else redirect(PATH)


@router.post(PATH + "/{id:uuid}/test")
def send_test_message(pages: Site, request: Request, viewer: Admin, id: UUID) -> Response:
    test = pages.runtime.channel_service.test(id, viewer.actor)
    return _list(pages, request, test=test)


@router.post(PATH + "/{id:uuid}/delete")
def delete_channel(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.channel_service.delete(id, viewer.actor)
    return redirect(PATH)


def channel_in(form: Form) -> dict[str, Any]:
    """The channel in a form, which may be invalid."""
    kind = form.text("kind") or ""
    return {
        **form.members("name"),
        "kind": kind,
        "settings": _settings(form, kind),
        "enabled": form.has("enabled"),
    }


def _settings(form: Form, kind: str) -> dict[str, Any]:
    if kind == ChannelKind.EMAIL:
        return {"to": form.lines("to")}
    member = "webhookUrl" if kind == ChannelKind.SLACK else "url"
    settings: dict[str, Any] = {member: url} if (url := form.text(f"{kind}Url")) else {}
    if kind == ChannelKind.PAGERDUTY:
        return settings | form.members("routingKey")
    if kind != ChannelKind.WEBHOOK:
        return settings
    # An empty secret is sent as null, so that a new one is generated.
    return {**settings, "secret": form.text("secret"), "headers": form.pairs("headers", ":")}


def _list(
    pages: Pages,
    request: Request,
    new: Channel | None = None,
    test: Any = None,
    *,
    for_admin: bool = True,
) -> Response:
    runtime = pages.runtime
    channels = [
        (channel, _SETTINGS | (settings.masked() if for_admin else settings.masked_for_readers()))
        for channel in runtime.channels.all()
        for settings in [channel.spec.settings]
    ]
    revealed = new.spec.settings.with_secrets() if new else {}
    return pages.render(
        request,
        "channels.html",
        channels=channels,
        now=runtime.now(),
        secret=revealed.get("secret"),
        test=test,
    )


def _form(
    pages: Pages,
    request: Request,
    spec: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    settings = spec.get("settings", {})
    return pages.render_form(
        request,
        "channel_form.html",
        error,
        spec={"name": None, **spec},
        settings={**_SETTINGS, **settings},
        headers=write_pairs(settings.get("headers") or {}, ": "),
        kinds=list(ChannelKind),
        editing=editing,
    )
