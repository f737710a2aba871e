"""Routes of deliveries: list, read, retry.

The contract is "Deliveries" in docs/reference/alerts.md.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import json_response
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes
from tocsin.api.parameters import OptionalId, PageLimit
from tocsin.api.schemas.notifications import DeliveriesResponse, DeliveryResponse, ShownStatus
from tocsin.errors import InvalidInput
from tocsin.model.key import Role
from tocsin.model.notifications.delivery import DeliveryStatus

PATH = "/api/deliveries"
_READS = requires(Role.READ)

router = APIRouter(prefix=PATH, tags=["Deliveries"])


@router.get("", **_READS, **describes(DeliveriesResponse, "A page, newest first", problems=[422]))
def list_deliveries(
    runtime: App,
    status: Annotated[ShownStatus | None, Query()] = None,
    channelId: OptionalId = None,  # noqa: N803
    limit: PageLimit = 100,
    cursor: str | None = None,
) -> Response:
    """List deliveries with their attempts, newest first."""
    page = runtime.deliveries.page(
        limit,
        before=read_cursor(cursor),
        status=DeliveryStatus(status) if status else None,
        channel_id=channelId,
    )
    return json_response(DeliveriesResponse.of(page))


@router.get("/{id:uuid}", **_READS, **describes(DeliveryResponse, "The delivery", problems=[404]))
def get_delivery(runtime: App, id: UUID) -> Response:
    """Get one delivery."""
    return json_response(DeliveryResponse.of(runtime.deliveries.get(id)))


@router.post(
    "/{id:uuid}/retry",
    **requires(Role.ADMIN),
    **describes(DeliveryResponse, "Pending again", problems=[404, 409]),
)
def retry_delivery(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Send a delivery again that failed, that a silence held back, or that a disabled channel
    skipped."""
    return json_response(DeliveryResponse.of(runtime.delivery_service.retry(id, actor)))


def read_cursor(cursor: str | None) -> int | None:
    """The number of the last delivery of the previous page."""
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidInput.at("cursor", "is not a cursor of a listing")
    return int(cursor)
