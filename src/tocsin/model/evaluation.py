"""What came of looking at an alert once, and how does it stand since?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.model.alert import Alert, Health
from tocsin.model.alert_state import AlertState, Key
from tocsin.model.transition import Transition


@dataclass(frozen=True, slots=True)
class Finding:
    """One alert at one instant: what is to be kept if nobody came before.

    `version` is that of the states it was judged by; `states` holds those that changed, None for
    a group that is forgotten. Where there is an `error`, nothing else was found.
    """

    alert: Alert
    version: int
    elapsed_ms: float
    error: str | None = None
    states: Mapping[Key, AlertState | None] = field(default_factory=dict)
    transitions: Sequence[Transition] = ()
    groups: int = 0
    firing: int = 0

    @property
    def health(self) -> Health:
        return Health.ERROR if self.error else Health.OK

    @property
    def changes_nothing(self) -> bool:
        return not self.states and not self.error


@dataclass(frozen=True, slots=True)
class Standing:
    """The last slot that was taken, and how the last evaluation went; None before the first."""

    slot: datetime
    evaluated_at: datetime | None
    error: str | None
    elapsed_ms: float | None

    @property
    def health(self) -> Health:
        return Health.ERROR if self.error else Health.OK
