"""From when to when is what is recorded: can anything lie outside of a window?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Extent:
    """Nothing is dated before `earliest`, nothing after `latest`."""

    earliest: datetime
    latest: datetime

    def including(self, first: datetime, last: datetime) -> Extent:
        return Extent(min(self.earliest, first), max(self.latest, last))

    def open_ended(self) -> Extent:
        """The same where anything may be dated later."""
        return Extent(self.earliest, _LAST)


EMPTY = Extent(_LAST, _FIRST)
UNKNOWN = Extent(_FIRST, _LAST)
