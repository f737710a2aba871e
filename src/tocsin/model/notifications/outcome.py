"""The interaction that records the outcome of a delivery: `notified` or `notify-err`, on the
resource of the delivered interaction."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus, SendResult


def outcome_interaction(delivery: Delivery, channel: Channel | None) -> dict[str, Any]:
    """The interaction, as a sender would write it. Its id follows from the delivery and its number
    of attempts, so that recording it again after a crash is harmless, and a delivery that is
    retried by hand has a second outcome."""
    delivered = delivery.interaction
    is_sent = delivery.status is DeliveryStatus.SENT
    return {
        "interactionId": str(uuid5(delivery.delivery_id, f"{delivery.status}/{delivery.tries}")),
        "resourceTypeId": delivered["resourceTypeId"],
        "resourceId": delivered["resourceId"],
        "action": "notified" if is_sent else "notify-err",
        "origin": "NOTIFY",
        "uowId": delivered["uowId"],
        "externalReference": f"delivery-{delivery.delivery_id}",
        "interaction": _payload(delivery, channel) | {"interactionId": delivered["interactionId"]},
    }


def _payload(delivery: Delivery, channel: Channel | None) -> dict[str, Any]:
    deleted = SendResult("The channel was deleted")
    last = delivery.attempts[-1].result if delivery.attempts else deleted
    return {
        "deliveryId": str(delivery.delivery_id),
        "subscriptionId": None if delivery.is_of_alert else str(delivery.subscription_id),
        "channelId": str(delivery.channel_id),
        "channelName": channel.spec.name if channel else None,
        "channelKind": channel.kind.value if channel else None,
        "attempts": delivery.tries,
        "httpStatus": last.http_status,
        "error": last.error,
    }
