"""The time range of all recorded interactions, which shows that a window needs no end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Extent:
    """No interaction has a timestamp before `earliest` or after `latest`."""

    earliest: datetime
    latest: datetime

    def including(self, first: datetime, last: datetime) -> Extent:
        return Extent(min(self.earliest, first), max(self.latest, last))

    def open_ended(self) -> Extent:
        """The same extent without an end."""
        return Extent(self.earliest, _LAST)


EMPTY = Extent(_LAST, _FIRST)
UNKNOWN = Extent(_FIRST, _LAST)
