"""The state machine of alerts once more, written another way: from the whole history of a group.

Slow and plain, so that it can be believed: at every step it looks back over all that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# A reading of a group: the instant and the value; None for null, MISSING for no row.
MISSING: Any = object()
Seen = tuple[datetime, Any]


@dataclass
class Group:
    """The readings of one group."""

    policy: str
    passes: Any
    passes_on: Any
    wait: float
    keep: float
    # The requirement of each guard on its own value; None meets no requirement.
    guards: Sequence[Any] = ()
    history: list[Seen] = field(default_factory=list)
    is_firing: bool = False
    was_there: bool = False
    reported: list[tuple[datetime, str]] = field(default_factory=list)

    def see(self, at: datetime, value: Any, of_guards: Sequence[Any] = ()) -> str:
        """The status after one more evaluation, with the values of the guards at this instant."""
        for guard, seen in zip(self.guards, of_guards, strict=True):
            if value is not MISSING and (seen is None or not guard(seen)):
                value = None
        if value is MISSING and not self.is_known():
            return "forgotten"
        self.history.append((at, value))
        self.was_there = self.was_there or value is not MISSING
        if not self.is_firing and self._held(self.passes, self.wait, holding=True):
            self.is_firing = True
            self.reported.append((at, "FIRING"))
            self.history = [(at, value)]
        elif self.is_firing and self._held(self.passes_on, self.keep, holding=False):
            self.is_firing = False
            self.reported.append((at, "OK"))
            self.history = [(at, value)]
        return self.status()

    def is_known(self) -> bool:
        if self.is_firing or self._pending():
            return True
        return self.policy == "firing" and self.was_there

    def status(self) -> str:
        if self.is_firing:
            return "FIRING"
        if self._pending():
            return "PENDING"
        return "OK" if self.policy == "firing" and self.was_there else "forgotten"

    def _pending(self) -> bool:
        stretch = self._stretch(self.passes, holding=True)
        return not self.is_firing and bool(stretch)

    def _held(self, passes: Any, seconds: float, *, holding: bool) -> bool:
        """Whether the last evaluation and all of the period before it agree."""
        if not self.history or self._says(passes, self.history[-1][1]) is not holding:
            return False
        stretch = self._stretch(passes, holding=holding)
        return (self.history[-1][0] - stretch[0]).total_seconds() >= seconds

    def _stretch(self, passes: Any, *, holding: bool) -> Sequence[datetime]:
        """The instants of the unbroken stretch that the history ends with, what says nothing left
        out."""
        stretch: list[datetime] = []
        for at, value in reversed(self.history):
            holds = self._says(passes, value)
            if holds is None:
                continue
            if holds is not holding:
                break
            stretch.insert(0, at)
        return stretch

    def _says(self, passes: Any, value: Any) -> bool | None:
        if value is None or value is MISSING:
            return {"ok": False, "keep": None, "firing": True}[self.policy]
        return bool(passes(value))
