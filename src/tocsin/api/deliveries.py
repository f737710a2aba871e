"""Deliveries: what was sent, what was not and why, and trying once more."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import answer
from tocsin.api.channels import shown_attempt
from tocsin.api.openapi import documented
from tocsin.api.parameters import OptionalId, PageLimit
from tocsin.api.schemas import notifications as answers
from tocsin.errors import InvalidInput
from tocsin.model.instant import format_instant
from tocsin.model.key import Role
from tocsin.model.notifications.delivery import Delivery, Page, Status
from tocsin.runtime import Runtime

PATH = "/api/deliveries"

Asked = Annotated[answers.Status | None, Query()]


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Deliveries"])
    reads = requires(Role.READ)

    @router.get(
        "", **reads, **documented(answers.Deliveries, "A page, newest first", problems=[422])
    )
    def list_deliveries(
        status: Asked = None,
        channelId: OptionalId = None,  # noqa: N803
        limit: PageLimit = 100,
        cursor: str | None = None,
    ) -> Response:
        """List deliveries with their attempts, the last made first."""
        page = runtime.deliveries.page(
            limit,
            before=read_cursor(cursor),
            status=Status(status) if status else None,
            channel_id=channelId,
        )
        return answer(shown_page(page))

    @router.get(
        "/{id:uuid}", **reads, **documented(answers.Delivery, "The delivery", problems=[404])
    )
    def get_delivery(id: UUID) -> Response:
        """Get one delivery."""
        return answer(shown(runtime.deliveries.get(id)))

    @router.post(
        "/{id:uuid}/retry",
        **requires(Role.ADMIN),
        **documented(answers.Delivery, "Pending again", problems=[404, 409]),
    )
    def retry_delivery(id: UUID) -> Response:
        """Try once more what has failed, or send what a silence held back or a disabled channel
        skipped."""
        delivery = runtime.deliveries.retry(id, runtime.now())
        runtime.dispatcher.wake()
        return answer(shown(delivery))

    return router


def read_cursor(cursor: str | None) -> int | None:
    """Deliveries have numbers, and a cursor is the last one that was shown."""
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidInput.at("cursor", "is not a cursor of a listing")
    return int(cursor)


def shown_page(page: Page) -> dict[str, Any]:
    cursor = None if page.next_before is None else str(page.next_before)
    return {"deliveries": [shown(one) for one in page.deliveries], "nextCursor": cursor}


def shown(delivery: Delivery) -> dict[str, Any]:
    """A delivery as the API answers it."""
    due, finished = delivery.due, delivery.finished_date
    is_pending = delivery.status is Status.PENDING
    return {
        "deliveryId": delivery.delivery_id,
        "subscriptionId": delivery.subscription_id,
        "channelId": delivery.channel_id,
        "interactionId": delivery.interaction_id,
        "status": delivery.status,
        "silenceId": delivery.silence_id,
        "reason": delivery.skip_reason,
        "tries": delivery.tries,
        "nextAttemptDate": format_instant(due) if due and is_pending else None,
        "attempts": [shown_attempt(attempt) for attempt in delivery.attempts],
        "interaction": msgspec.Raw(delivery.snapshot.encode()),
        "createdDate": format_instant(delivery.created_date),
        "finishedDate": format_instant(finished) if finished else None,
    }
