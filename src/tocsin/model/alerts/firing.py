"""A group of an alert that fires now, and its place in the list of all of them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.errors import InvalidInput
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import AlertState
from tocsin.model.instant import from_milliseconds, to_milliseconds
from tocsin.model.severity import Severity


@dataclass(frozen=True, slots=True)
class FiringPosition:
    """The members by which the list is ordered: the most severe first, then the latest."""

    severity: Severity
    since: datetime
    alert_id: UUID
    group_key: str

    @property
    def cursor(self) -> str:
        place = self.severity, to_milliseconds(self.since), self.alert_id.hex, self.group_key
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")

    @classmethod
    def of_cursor(cls, cursor: str) -> FiringPosition:
        """Raises InvalidInput for any other text."""
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            severity, since, alert_id, group_key = json.loads(text)
            if not isinstance(group_key, str) or "\0" in group_key or not isinstance(since, int):
                raise ValueError
            place = Severity(severity), from_milliseconds(since), UUID(hex=alert_id), group_key
            return cls(*place)
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            raise InvalidInput.at("cursor", "is not a cursor of a listing") from None


@dataclass(frozen=True, slots=True)
class FiringGroup:
    """The state of a group that fires, with its alert as it is now."""

    alert: Alert
    state: AlertState
    position: FiringPosition
