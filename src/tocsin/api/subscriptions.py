"""Routes of subscriptions: list, read, create, replace, delete.

The contract is "Subscriptions" in docs/reference/alerts.md.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, created, decode, json_response
from tocsin.api.definitions import definition_of
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes, describes_patch, patch_of, schema_of
from tocsin.api.schemas.notifications import SubscriptionResponse
from tocsin.model.key import Role
from tocsin.model.merge_patch import patched
from tocsin.model.notifications.subscription import (
    Subscription,
    SubscriptionDraft,
    read_subscription,
)
from tocsin.process.optimistic_locking import retry_changed
from tocsin.runtime import Runtime

PATH = "/api/subscriptions"
EXAMPLE = {
    "resourceType": "ALERT",
    "action": "fired",
    "channelId": "0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d",
    "template": {"title": "{{ interaction.alertTitle }}: {{ interaction.value }}"},
    "groupBy": "alert",
    "groupWait": "1m",
    "repeatEvery": "4h",
    "immediately": ["critical"],
}

_SPEC: dict[str, Any] = {"body": schema_of(SubscriptionDraft), "example": EXAMPLE}
_READS, _CHANGES = requires(Role.READ), requires(Role.ADMIN)

router = APIRouter(prefix=PATH, tags=["Subscriptions"])


@router.get("", **_READS, **describes([SubscriptionResponse], "All subscriptions, oldest first"))
def list_subscriptions(runtime: App) -> Response:
    """List all subscriptions."""
    return json_response([_response(runtime, each) for each in runtime.subscriptions.all()])


@router.get(
    "/{id:uuid}", **_READS, **describes(SubscriptionResponse, "The subscription", problems=[404])
)
def get_subscription(runtime: App, id: UUID) -> Response:
    """Get one subscription."""
    return json_response(_response(runtime, runtime.subscriptions.get(id)))


@router.post(
    "",
    **_CHANGES,
    **describes(SubscriptionResponse, "Created", status=201, problems=[409], **_SPEC),
)
def create_subscription(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Create a subscription: every interaction of the type and the action that is recorded
    from now on is delivered, transitions of alerts in bundles if it has groupBy."""
    draft = read_subscription(decode(body), runtime.catalog)
    subscription = runtime.subscription_service.create(draft, actor)
    return created(_response(runtime, subscription), PATH, subscription.subscription_id)


@router.put(
    "/{id:uuid}",
    **_CHANGES,
    **describes(SubscriptionResponse, "Replaced", problems=[404, 409], **_SPEC),
)
def replace_subscription(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Replace a subscription; existing deliveries stay as they are. Open bundles close if it groups
    by something else or is disabled."""
    runtime.subscriptions.get(id)
    draft = read_subscription(decode(body), runtime.catalog)
    subscription = runtime.subscription_service.replace(id, draft, actor)
    return json_response(_response(runtime, subscription))


@router.patch(
    "/{id:uuid}",
    **_CHANGES,
    **describes_patch(
        SubscriptionResponse, [404, 409], patch_of(SubscriptionDraft), {"enabled": False}
    ),
)
def patch_subscription(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Change members of a subscription; null removes one. A mnemonic replaces the stored id, and an
    id the stored mnemonic. Existing deliveries stay as they are."""
    runtime.subscriptions.get(id)
    patch = decode(body)

    def change() -> Subscription:
        former = runtime.subscriptions.get(id)
        document = patched(definition_of(_response(runtime, former), SubscriptionDraft), patch)
        draft = read_subscription(document, runtime.catalog)
        return runtime.subscription_service.replace(id, draft, actor, former)

    return json_response(_response(runtime, retry_changed(change)))


@router.delete("/{id:uuid}", **_CHANGES, **describes(None, "Deleted", status=204, problems=[404]))
def delete_subscription(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Delete a subscription; existing deliveries are still sent, and open bundles immediately."""
    runtime.subscription_service.delete(id, actor)
    return Response(status_code=204)


def _response(runtime: Runtime, subscription: Subscription) -> SubscriptionResponse:
    return SubscriptionResponse.of(subscription, runtime.catalog)
