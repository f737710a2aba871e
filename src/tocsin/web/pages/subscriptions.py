"""The page and the form of subscriptions, which send matching interactions to a channel."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.api.schemas.notifications import SubscriptionResponse
from tocsin.api.schemas.shape import to_json
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.interactions.filter import LISTS, UNARY, WORDS
from tocsin.model.notifications.subscription import (
    Subscription,
    SubscriptionDraft,
    read_subscription,
)
from tocsin.model.severity import MOST_SEVERE_FIRST
from tocsin.runtime import Runtime
from tocsin.web.choices import all_choices
from tocsin.web.filter_outline import rows_of
from tocsin.web.filter_rows import GROUPS, KINDS
from tocsin.web.forms import Form
from tocsin.web.grouping_fields import grouping_fields, grouping_in, grouping_sentence
from tocsin.web.rendering import Admin, Pages, Reader, Site, redirect
from tocsin.web.routing import PageRouter

PATH = "/web/subscriptions"
NEW = {"resourceType": "ALERT", "action": "fired", "enabled": True}
_MEMBERS = ("channelId", "resourceType", "action", "origin")


router = PageRouter()


@router.get(PATH)
def subscriptions(pages: Site, request: Request, _viewer: Reader) -> Response:
    runtime = pages.runtime
    stored = runtime.subscriptions.all()
    shown = [_to_json(runtime, each) for each in stored]
    return pages.render(
        request,
        "subscriptions.html",
        subscriptions=shown,
        groupings=[grouping_sentence(each) for each in shown],
        conditions=[" and ".join(tree.sentence for tree in each.filters) for each in stored],
        channels={channel.channel_id: channel.spec.name for channel in runtime.channels.all()},
    )


@router.get(PATH + "/new")
def new_subscription(pages: Site, request: Request, _viewer: Admin) -> Response:
    return _form(pages, request, NEW)


@router.get(PATH + "/{id:uuid}")
def edit_subscription(pages: Site, request: Request, _viewer: Admin, id: UUID) -> Response:
    spec = _to_json(pages.runtime, pages.runtime.subscriptions.get(id))
    return _form(pages, request, spec, editing=id)


@router.post(PATH + "/new")
def create_subscription(pages: Site, request: Request, viewer: Admin, body: Body) -> Response:
    runtime, form = pages.runtime, Form(body)
    try:
        runtime.subscription_service.create(_read(runtime, form), viewer.actor)
    except TocsinError as error:
        return _form(pages, request, subscription_in(form), error, entered=form)
    return redirect(PATH)


@router.post(PATH + "/{id:uuid}")
def replace_subscription(
    pages: Site, request: Request, viewer: Admin, id: UUID, body: Body
) -> Response:
    runtime, form = pages.runtime, Form(body)
    try:
        runtime.subscription_service.replace(id, _read(runtime, form), viewer.actor)
    except TocsinError as error:
        return _form(pages, request, subscription_in(form), error, entered=form, editing=id)
    return redirect(PATH)


@router.post(PATH + "/{id:uuid}/delete")
def delete_subscription(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.subscription_service.delete(id, viewer.actor)
    return redirect(PATH)


def subscription_in(form: Form) -> dict[str, Any]:
    """The subscription in a form, which may be invalid."""
    template = form.members("title", "body")
    return {
        **form.members(*_MEMBERS),
        "filters": form.filters(),
        **({"template": template} if template else {}),
        **grouping_in(form),
        "enabled": form.has("enabled"),
    }


def _read(runtime: Runtime, form: Form) -> SubscriptionDraft:
    """The subscription of a form; raises InvalidInput with all problems."""
    problems = form.filter_problems()
    try:
        draft = read_subscription(subscription_in(form), runtime.catalog)
    except InvalidInput as error:
        raise InvalidInput(problems=[*error.problems, *problems]) from error
    if problems:
        raise InvalidInput(problems=problems)
    return draft


def _to_json(runtime: Runtime, subscription: Subscription) -> dict[str, Any]:
    return to_json(SubscriptionResponse.of(subscription, runtime.catalog))


def _form(
    pages: Pages,
    request: Request,
    spec: dict[str, Any],
    error: TocsinError | None = None,
    *,
    entered: Form | None = None,
    editing: UUID | None = None,
) -> Response:
    """The form. Conditions are shown as they were entered; without a form, those of `spec`."""
    runtime = pages.runtime
    return pages.render_form(
        request,
        "subscription_form.html",
        error,
        spec={**dict.fromkeys((*_MEMBERS, "templateProblem")), **spec},
        template={"title": None, "body": None} | (spec.get("template") or {}),
        rows=entered.conditions() if entered else rows_of(spec.get("filters", ())),
        operators=WORDS,
        unary=UNARY,
        lists=LISTS,
        kinds=KINDS,
        groups=GROUPS,
        grouping=grouping_fields(spec),
        severities=MOST_SEVERE_FIRST,
        channels=runtime.channels.all(),
        entries=all_choices(runtime),
        editing=editing,
    )
