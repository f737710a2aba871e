"""The group whose firing is held back by a silence, as the payload of its transition has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tocsin.model.instant import parse_instant

_FIRING = "exceeded"


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """A group of an alert that fires since `fired_at`, unless it has recovered meanwhile."""

    alert_id: UUID
    dimensions: Mapping[str, str | None]
    fired_at: datetime

    @property
    def key(self) -> tuple[str | None, ...]:
        """Identifies the group among those of its alert."""
        return tuple(self.dimensions.values())

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> HeldGroup | None:
        """The group of a transition to FIRING; None for another payload."""
        if payload.get("status") != _FIRING:
            return None
        fired_at = parse_instant(payload["evaluatedAt"])
        return cls(UUID(payload["alertId"]), payload["dimensions"], fired_at)
