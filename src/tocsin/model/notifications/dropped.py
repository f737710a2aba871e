"""The message that a channel gets about its dropped deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind, system_id

RESERVED_FOR_ALERTS = 1_000
"""Deliveries of alerts beyond the limit, so that other interactions do not crowd alerts out."""

ANNOUNCED_AFTER = timedelta(hours=1)
"""The interval between messages about a flood that goes on."""

_ORIGIN, _TYPE, _ACTION = "NOTIFY", "CHANNEL", "dropped"


@dataclass(frozen=True, slots=True)
class Flood:
    """The dropped deliveries of a channel that no message has announced yet."""

    channel_id: UUID
    dropped: int
    start: datetime
    latest: datetime

    def is_due(self, pending: int, limit: int, at: datetime) -> bool:
        """Whether a message is due: half of the limit is free again, or the flood goes on for
        long. Waiting for half keeps a queue that stays full from announcing every single drop."""
        return pending <= limit // 2 or at - self.start >= ANNOUNCED_AFTER


def interaction_of(flood: Flood, channel_name: str, limit: int, at: datetime) -> dict[str, Any]:
    """The snapshot of the message: no recorded interaction, but with the members of one."""
    return {
        "interactionId": str(uuid4()),
        "interactionNumber": None,
        "resourceId": str(flood.channel_id),
        "resourceTypeId": None,
        "resourceType": _TYPE,
        "actionId": None,
        "action": _ACTION,
        "originId": str(system_id(Kind.ORIGIN, _ORIGIN)),
        "origin": _ORIGIN,
        "timestamp": format_instant(at),
        "uowId": None,
        "userId": None,
        "externalReference": None,
        "externalResponse": None,
        "interaction": {
            "channelName": channel_name,
            "dropped": flood.dropped,
            "limit": limit,
            "from": format_instant(flood.start),
            "to": format_instant(flood.latest),
        },
    }


def is_of_flood(interaction: Mapping[str, Any]) -> bool:
    """Whether a delivery announces dropped ones; no sender can record the origin."""
    scope = tuple(interaction[name] for name in ("origin", "resourceType", "action"))
    return scope == (_ORIGIN, _TYPE, _ACTION)


def title_of(payload: Mapping[str, Any]) -> str:
    count = payload["dropped"]
    return f"{count:,} message{' was' if count == 1 else 's were'} dropped"


def lines_of(payload: Mapping[str, Any]) -> list[str]:
    return [
        f"The channel {payload['channelName']} had its {payload['limit']:,} pending deliveries "
        f"(TOCSIN_MAX_PENDING_DELIVERIES) between {payload['from']} and {payload['to']}.",
        "The interactions of the dropped messages are recorded.",
    ]
