"""Who is told of what: interactions of a type and an action, through a channel."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.api.schemas.notifications import SubscriptionResponse
from tocsin.api.schemas.shape import to_json
from tocsin.errors import TocsinError
from tocsin.model.notifications.subscription import (
    Subscription,
    SubscriptionDraft,
    read_subscription,
)
from tocsin.runtime import Runtime
from tocsin.web.choices import all_choices
from tocsin.web.forms import Form
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

PATH = "/web/subscriptions"
NEW = {"resourceType": "ALERT", "action": "fired", "enabled": True}
_MEMBERS = ("channelId", "resourceType", "action", "origin")


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)
    _add_looking(router, pages)
    _add_saving(router, pages)
    return router


def _add_looking(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.get(PATH)
    def subscriptions(request: Request, _viewer: Reader) -> Response:
        return pages.show(
            request,
            "subscriptions.html",
            subscriptions=[_to_json(runtime, one) for one in runtime.subscriptions.all()],
            channels={one.channel_id: one.spec.name for one in runtime.channels.all()},
        )

    @router.get(PATH + "/new")
    def new_subscription(request: Request, _viewer: Admin) -> Response:
        return _form(pages, request, NEW)

    @router.get(PATH + "/{id:uuid}")
    def edit_subscription(request: Request, _viewer: Admin, id: UUID) -> Response:
        said = _to_json(runtime, runtime.subscriptions.get(id))
        return _form(pages, request, said, editing=id)


def _add_saving(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    @router.post(PATH + "/new")
    def create_subscription(request: Request, viewer: Admin, body: Body) -> Response:
        said = subscription_in(Form(body))
        try:
            runtime.subscription_service.create(_read(runtime, said), viewer.actor)
        except TocsinError as error:
            return _form(pages, request, said, error)
        return go_to(PATH)

    @router.post(PATH + "/{id:uuid}")
    def replace_subscription(request: Request, viewer: Admin, id: UUID, body: Body) -> Response:
        said = subscription_in(Form(body))
        try:
            runtime.subscription_service.replace(id, _read(runtime, said), viewer.actor)
        except TocsinError as error:
            return _form(pages, request, said, error, editing=id)
        return go_to(PATH)

    @router.post(PATH + "/{id:uuid}/delete")
    def delete_subscription(viewer: Admin, id: UUID) -> Response:
        runtime.subscription_service.delete(id, viewer.actor)
        return go_to(PATH)


def subscription_in(form: Form) -> dict[str, Any]:
    """The subscription that a form holds, right or wrong."""
    template = form.members("title", "body")
    return {
        **form.members(*_MEMBERS),
        **({"template": template} if template else {}),
        "enabled": form.has("enabled"),
    }


def _to_json(runtime: Runtime, subscription: Subscription) -> dict[str, Any]:
    return to_json(SubscriptionResponse.of(subscription, runtime.catalog))


def _read(runtime: Runtime, said: dict[str, Any]) -> SubscriptionDraft:
    draft = read_subscription(said, runtime.catalog)
    if draft.template:
        runtime.templates.check(draft.template)
    return draft


def _form(
    pages: Pages,
    request: Request,
    said: dict[str, Any],
    error: TocsinError | None = None,
    editing: UUID | None = None,
) -> Response:
    runtime = pages.runtime
    return pages.show_form(
        request,
        "subscription_form.html",
        error,
        said={**dict.fromkeys((*_MEMBERS, "templateProblem")), **said},
        template={"title": None, "body": None} | (said.get("template") or {}),
        channels=runtime.channels.all(),
        entries=all_choices(runtime),
        editing=editing,
    )
