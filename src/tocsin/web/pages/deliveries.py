"""The list of deliveries with their attempts, and the retry of one."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from tocsin.api.deliveries import read_cursor
from tocsin.model.notifications.delivery import SHOWN, DeliveryStatus
from tocsin.web.forms import Form
from tocsin.web.rendering import Admin, Reader, Site, redirect
from tocsin.web.routing import PageRouter

PATH = "/web/deliveries"
_PAGE = 50


router = PageRouter()


@router.get(PATH)
def deliveries(
    pages: Site,
    request: Request,
    _viewer: Reader,
    status: DeliveryStatus | None = None,
    channel: UUID | None = None,
    silence: UUID | None = None,
    cursor: str | None = None,
) -> Response:
    runtime = pages.runtime
    listed = runtime.deliveries.page(
        _PAGE,
        before=read_cursor(cursor),
        status=status,
        channel_id=channel,
        silence_id=silence,
    )
    return pages.render(
        request,
        "deliveries.html",
        deliveries=listed.deliveries,
        next_before=listed.next_before,
        status=status,
        statuses=SHOWN,
        counts=runtime.deliveries.counts(),
        channels={channel.channel_id: channel.spec.name for channel in runtime.channels.all()},
        query=Form(request.url.query).query(without=["cursor"]),
        cursor=cursor,
    )


@router.post(PATH + "/{id:uuid}/retry")
def retry_delivery(pages: Site, viewer: Admin, id: UUID) -> Response:
    pages.runtime.delivery_service.retry(id, viewer.actor)
    return redirect(PATH)
