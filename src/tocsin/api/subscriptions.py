"""Subscriptions: who is told of what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.auth import actor_of, requires
from tocsin.api.bodies import Body, answer, created, decode
from tocsin.api.openapi import documented, schema_of
from tocsin.api.schemas import notifications as answers
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.key import Role
from tocsin.model.notifications.subscription import (
    Subscription,
    SubscriptionDraft,
    Template,
    read_subscription,
)
from tocsin.runtime import Runtime

PATH = "/api/subscriptions"
EXAMPLE = {
    "resourceType": "ALERT",
    "action": "fired",
    "channelId": "0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d",
    "template": {"title": "{{ interaction.alertTitle }}: {{ interaction.value }}"},
}

_BODY = schema_of(SubscriptionDraft)


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Subscriptions"])
    _add_reading(router, runtime)
    _add_changing(router, runtime)
    return router


def _add_reading(router: APIRouter, runtime: Runtime) -> None:
    reads = requires(Role.READ)

    @router.get(
        "", **reads, **documented([answers.Subscription], "Every one, the first made first")
    )
    def list_subscriptions() -> Response:
        """List all subscriptions."""
        return answer([shown(runtime, one) for one in runtime.subscriptions.all()])

    @router.get(
        "/{id:uuid}",
        **reads,
        **documented(answers.Subscription, "The subscription", problems=[404]),
    )
    def get_subscription(id: UUID) -> Response:
        """Get one subscription."""
        return answer(shown(runtime, runtime.subscriptions.get(id)))


def _add_changing(router: APIRouter, runtime: Runtime) -> None:
    changes = requires(Role.ADMIN)

    @router.post(
        "",
        **changes,
        **documented(
            answers.Subscription, "Created", status=201, problems=[409], body=_BODY, example=EXAMPLE
        ),
    )
    def create_subscription(request: Request, body: Body) -> Response:
        """Create a subscription: every interaction of the type and the action that is recorded
        from now on is delivered."""
        draft = _read(runtime, body)
        made = runtime.subscription_service.create(draft, actor_of(request))
        return created(shown(runtime, made), PATH, made.subscription_id)

    @router.put(
        "/{id:uuid}",
        **changes,
        **documented(
            answers.Subscription, "Replaced", problems=[404, 409], body=_BODY, example=EXAMPLE
        ),
    )
    def replace_subscription(request: Request, id: UUID, body: Body) -> Response:
        """Replace a subscription; deliveries that were made already stay as they are."""
        runtime.subscriptions.get(id)
        draft = _read(runtime, body)
        changed = runtime.subscription_service.replace(id, draft, actor_of(request))
        return answer(shown(runtime, changed))

    @router.delete(
        "/{id:uuid}", **changes, **documented(None, "Deleted", status=204, problems=[404])
    )
    def delete_subscription(request: Request, id: UUID) -> Response:
        """Delete a subscription; deliveries that were made already are still sent."""
        runtime.subscription_service.delete(id, actor_of(request))
        return Response(status_code=204)


def _read(runtime: Runtime, body: bytes) -> SubscriptionDraft:
    draft = read_subscription(decode(body), runtime.catalog)
    if draft.template:
        runtime.templates.check(draft.template)
    return draft


def shown(runtime: Runtime, one: Subscription) -> dict[str, Any]:
    """A subscription as the API answers it: ids, with the mnemonics they have now."""
    topic: dict[str, Any] = {}
    ids = (one.resource_type_id, one.action_id, one.origin_id)
    for kind, id in zip(Kind, ids, strict=True):
        topic[kind.id_member] = id
        topic[kind.value] = runtime.catalog.mnemonics(kind).get(id) if id else None
    return {
        "subscriptionId": one.subscription_id,
        "channelId": one.channel_id,
        **topic,
        "template": one.template.model_dump() if one.template != Template() else None,
        "templateProblem": one.template_problem,
        "enabled": one.enabled,
        "createdDate": format_instant(one.created_date),
        "modifiedDate": format_instant(one.modified_date),
    }
