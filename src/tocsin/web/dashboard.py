"""What is there to see at a glance: every metric's value, how much comes in, where it is going.

All of it is shared by those who look (`shared.py`); what changed it makes it be asked for anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tocsin.errors import TocsinError
from tocsin.model.metrics.metric import Aggregation, Answer, FieldReport, Metric, Question
from tocsin.runtime import Runtime
from tocsin.web.charts import small_line
from tocsin.web.shared_cache import Shared

SHOWN_GROUPS = 3
_PULSE = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_TREND, _TREND_STEP = timedelta(days=1), timedelta(minutes=30)
_VALUES_SECONDS, _PULSE_SECONDS, _TREND_SECONDS, _FIELDS_SECONDS = 5, 5, 300, 120

Scope = tuple[UUID | None, UUID | None]


@dataclass(frozen=True, slots=True)
class Values:
    """What every enabled metric was worth at an instant, or why it could not be said."""

    at: datetime
    of: Mapping[UUID, Answer | TocsinError]


class Board:
    """What pages share; every method may raise what a calculation raises."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._values: Shared[None, Values] = Shared(self._calculate, _VALUES_SECONDS)
        self._pulse: Shared[None, list[int]] = Shared(self._count, _PULSE_SECONDS)
        self._trends: Shared[UUID, str] = Shared(self._trend, _TREND_SECONDS)
        self._fields: Shared[Scope, list[FieldReport]] = Shared(
            lambda scope: runtime.discovery.details(*scope), _FIELDS_SECONDS
        )

    def values(self) -> Values:
        return self._values.get(None)

    def pulse(self) -> list[int]:
        """Interactions in each minute of the last hour, the latest last."""
        return self._pulse.get(None)

    def trend(self, metric_id: UUID) -> str:
        """The last day of a metric, as the points of a line; NotFound if there is none."""
        return self._trends.get(metric_id)

    def fields(self, resource_type_id: UUID | None, action_id: UUID | None) -> list[FieldReport]:
        """The payload fields to choose from in a scope."""
        return self._fields.get((resource_type_id, action_id))

    def forget(self) -> None:
        """A metric was changed."""
        self._values.forget()
        self._trends.forget()

    def _calculate(self, _: None) -> Values:
        at = self._runtime.now()
        enabled = [metric for metric in self._runtime.metrics.all() if metric.enabled]
        questions = [metric.question for metric in enabled]
        answers = self._runtime.page_calculator.calculate_all(questions, at, SHOWN_GROUPS)
        ids = [metric.metric_id for metric in enabled]
        return Values(at, dict(zip(ids, answers, strict=True)))

    def _count(self, _: None) -> list[int]:
        to = self._runtime.now()
        question = Question(aggregation=Aggregation.COUNT)
        series = self._runtime.page_calculator.series(question, to - _PULSE, to, _MINUTE)
        return [int(value or 0) for line in series.lines for _, value in line.points]

    def _trend(self, metric_id: UUID) -> str:
        """Without its groups: they have one line together."""
        metric: Metric = self._runtime.metrics.get(metric_id)
        question = metric.question.model_copy(update={"group_by": ()})
        to = self._runtime.now()
        series = self._runtime.page_calculator.series(question, to - _TREND, to, _TREND_STEP)
        return small_line([value for line in series.lines for _, value in line.points])
