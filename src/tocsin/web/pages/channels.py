"""Where somebody is told: channels, their settings by kind, and a sample to try one with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.api.channels import is_given_secret
from tocsin.api.schemas.notifications import ChannelResponse
from tocsin.api.schemas.shape import to_json
from tocsin.errors import TocsinError
from tocsin.model.notifications.channel import Channel, ChannelKind, read_channel
from tocsin.model.notifications.message import sample
from tocsin.notifications.service import channel_fields
from tocsin.web.forms import Form
from tocsin.web.quoting import write_pairs
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

PATH = "/web/channels"
_SETTINGS = dict.fromkeys(("url", "headers", "secret", "webhookUrl", "to"))


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)
    _add_looking(router, pages)
    _add_saving(router, pages)
    return router


def _add_looking(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH)
    def channels(request: Request, viewer: Reader) -> Response:
        return _listed(pages, request, for_admin=viewer.may_change)

    @router.get(PATH + "/new")
    def new_channel(request: Request, _viewer: Admin) -> Response:
        return _form(pages, request, {"kind": ChannelKind.WEBHOOK, "enabled": True})

    @router.get(PATH + "/{id:uuid}")
    def edit_channel(request: Request, _viewer: Admin, id: UUID) -> Response:
        channel = runtime.channels.get(id)
        said = ChannelResponse.of(channel, runtime.now(), channel.spec.settings.masked())
        return _form(pages, request, to_json(said), editing=id)


def _add_saving(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.post(PATH + "/new")
    def create_channel(request: Request, viewer: Admin, body: Body) -> Response:
        said = channel_in(Form(body))
        try:
            draft = read_channel(said)
            channel = runtime.channels.create(draft, runtime.now())
        except TocsinError as error:
            return _form(pages, request, said, error)
        viewer.actor.log_change("channel created", **channel_fields(channel))
        return _listed(pages, request, new=channel) if is_given_secret(draft) else go_to(PATH)

    @router.post(PATH + "/{id:uuid}")
    def replace_channel(request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
        said = channel_in(Form(body))
        try:
            draft = read_channel(said, runtime.channels.get(id))
            channel = runtime.channels.replace(id, draft, runtime.now())
        except TocsinError as error:
            return _form(pages, request, said, error, editing=id)
        viewer.actor.log_change("channel replaced", **channel_fields(channel))
        runtime.dispatcher.wake()
        return _listed(pages, request, new=channel) if is_given_secret(draft) else go_to(PATH)

    @router.post(PATH + "/{id:uuid}/test")
    def try_channel(request: Request, _viewer: Admin, id: UUID) -> Response:
        channel = runtime.channels.get(id)
        attempt = runtime.dispatcher.send(channel, sample(channel, runtime.now()))
        return _listed(pages, request, tried=(channel, attempt))

    @router.post(PATH + "/{id:uuid}/delete")
    def delete_channel(viewer: Admin, id: UUID) -> Response:
        channel = runtime.channels.get(id)
        runtime.channels.delete(id, runtime.now())
        viewer.actor.log_change("channel deleted", **channel_fields(channel))
        return go_to(PATH)


def channel_in(form: Form) -> dict[str, Any]:
    """The channel that a form holds, right or wrong."""
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
    said = {member: url} if (url := form.text(f"{kind}Url")) else {}
    if kind != ChannelKind.WEBHOOK:
        return said
    # A secret that is cleared is not kept: a new one is made.
    return {**said, "secret": form.text("secret"), "headers": form.pairs("headers", ":")}


def _listed(
    pages: Pages,
    request: Request,
    new: Channel | None = None,
    tried: Any = None,
    *,
    for_admin: bool = True,
) -> Response:
    runtime = pages.runtime
    channels = [
        (one, _SETTINGS | (settings.masked() if for_admin else settings.masked_for_readers()))
        for one in runtime.channels.all()
        for settings in [one.spec.settings]
    ]
    revealed = new.spec.settings.with_secrets() if new else {}
    return pages.show(
        request,
        "channels.html",
        channels=channels,
        now=runtime.now(),
        secret=revealed.get("secret"),
        tried=tried,
    )


def _form(
    pages: Pages,
    request: Request,
    said: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    settings = said.get("settings", {})
    return pages.show_form(
        request,
        "channel_form.html",
        error,
        said={"name": None, **said},
        settings={**_SETTINGS, **settings},
        headers=write_pairs(settings.get("headers") or {}, ": "),
        kinds=list(ChannelKind),
        editing=editing,
    )
