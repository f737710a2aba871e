"""The message that tells a channel how many of its deliveries were dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind, system_id

RESERVED_FOR_ALERTS = 1_000
"""So many more may be those of alerts, which other interactions must not crowd out."""

TOLD_AFTER = timedelta(hours=1)
"""A flood that goes on is told of so often, though there is no room yet."""

_ORIGIN, _TYPE, _ACTION = "NOTIFY", "CHANNEL", "dropped"


@dataclass(frozen=True, slots=True)
class Flood:
    """Deliveries of a channel that were dropped and that no message told of yet."""

    channel_id: UUID
    dropped: int
    start: datetime
    latest: datetime

    def is_to_be_told(self, pending: int, limit: int, at: datetime) -> bool:
        """With half of the room free again, so that a queue that stays full is not told of each
        place that becomes free."""
        return pending <= limit // 2 or at - self.start >= TOLD_AFTER


def interaction_of(flood: Flood, channel_name: str, limit: int, at: datetime) -> dict[str, Any]:
    """What a delivery tells of; it is no recorded interaction, but has the members of one."""
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
    """Whether a delivery tells of dropped ones; no sender can record the origin."""
    named = tuple(interaction[name] for name in ("origin", "resourceType", "action"))
    return named == (_ORIGIN, _TYPE, _ACTION)


def title_of(payload: Mapping[str, Any]) -> str:
    count = payload["dropped"]
    return f"{count:,} message{' was' if count == 1 else 's were'} dropped"


def lines_of(payload: Mapping[str, Any]) -> list[str]:
    return [
        f"The channel {payload['channelName']} had its {payload['limit']:,} pending deliveries "
        f"(TOCSIN_MAX_PENDING_DELIVERIES) between {payload['from']} and {payload['to']}.",
        "What they would have told of is recorded.",
    ]
