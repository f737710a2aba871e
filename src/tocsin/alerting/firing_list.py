"""Lists the groups that fire now, with the silence that each is under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.model.alerts.firing import FiringGroup, FiringPosition
from tocsin.model.metrics.metric import Metric
from tocsin.model.notifications.recurrence import SilencedTime
from tocsin.model.notifications.silence import Silence
from tocsin.process.clock import Clock
from tocsin.store.firing_groups import FiringGroups
from tocsin.store.metrics import Metrics
from tocsin.store.silences import Silences


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A group that fires, the metric that its alert watches, and the silence that ends last of
    those that it is under, with its present window."""

    firing: FiringGroup
    metric: Metric
    silence: Silence | None
    window: SilencedTime | None

    @property
    def silenced_until(self) -> datetime | None:
        return self.window.end if self.window else None


class FiringList:
    def __init__(
        self, groups: FiringGroups, metrics: Metrics, silences: Silences, clock: Clock
    ) -> None:
        self._groups = groups
        self._metrics = metrics
        self._silences = silences
        self._clock = clock

    def page(self, limit: int, after: FiringPosition | None = None) -> Sequence[ListedGroup]:
        """At most `limit` groups that follow a position: the most severe first, then the latest."""
        at = self._clock.now()
        return [self._listed(group, at) for group in self._groups.page(limit, after)]

    def _listed(self, group: FiringGroup, at: datetime) -> ListedGroup:
        active = self._silences.of_group(group.alert, group.state.dimensions, at)
        silence, window = active or (None, None)
        return ListedGroup(group, self._metrics.get(group.alert.metric_id), silence, window)
