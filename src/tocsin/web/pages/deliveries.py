"""What was sent, what was not and why, and trying once more."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.deliveries import read_cursor
from tocsin.model.notifications.delivery import SHOWN, DeliveryStatus
from tocsin.web.forms import Form
from tocsin.web.rendering import Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

PATH = "/web/deliveries"
_PAGE = 50


def routes(pages: Pages) -> APIRouter:
    router = page_router(pages)
    runtime = pages.runtime

    @router.get(PATH)
    def deliveries(
        request: Request,
        _viewer: Reader,
        status: DeliveryStatus | None = None,
        channel: UUID | None = None,
        silence: UUID | None = None,
        cursor: str | None = None,
    ) -> Response:
        found = runtime.deliveries.page(
            _PAGE,
            before=read_cursor(cursor),
            status=status,
            channel_id=channel,
            silence_id=silence,
        )
        return pages.show(
            request,
            "deliveries.html",
            found=found,
            status=status,
            statuses=SHOWN,
            counts=runtime.deliveries.counts(),
            channels={one.channel_id: one.spec.name for one in runtime.channels.all()},
            query=Form(request.url.query).query(without=["cursor"]),
            cursor=cursor,
        )

    @router.post(PATH + "/{id:uuid}/retry")
    def retry_delivery(_viewer: Admin, id: UUID) -> Response:
        runtime.deliveries.retry(id, runtime.now())
        runtime.dispatcher.wake()
        return go_to(PATH)

    return router
