"""The end of a delivery is an interaction too: what happened to the resource that it told of is
that somebody was notified of it, or was not."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import Delivery, Receipt, Status


def ending(delivery: Delivery, channel: Channel | None) -> dict[str, Any]:
    """The interaction, as a sender would write it. Its id follows from the delivery, so that it is
    recorded once however often it is tried; a delivery that is sent after all ends again."""
    told = delivery.interaction
    is_sent = delivery.status is Status.SENT
    return {
        "interactionId": str(uuid5(delivery.delivery_id, f"{delivery.status}/{delivery.tries}")),
        "resourceTypeId": told["resourceTypeId"],
        "resourceId": told["resourceId"],
        "action": "notified" if is_sent else "notify-err",
        "origin": "NOTIFY",
        "uowId": told["uowId"],
        "externalReference": f"delivery-{delivery.delivery_id}",
        "interaction": _payload(delivery, channel) | {"interactionId": told["interactionId"]},
    }


def _payload(delivery: Delivery, channel: Channel | None) -> dict[str, Any]:
    deleted = Receipt("The channel was deleted")
    last = delivery.attempts[-1].receipt if delivery.attempts else deleted
    return {
        "deliveryId": str(delivery.delivery_id),
        "subscriptionId": str(delivery.subscription_id),
        "channelId": str(delivery.channel_id),
        "channelName": channel.spec.name if channel else None,
        "channelKind": channel.kind.value if channel else None,
        "attempts": delivery.tries,
        "httpStatus": last.http_status,
        "error": last.error,
    }
