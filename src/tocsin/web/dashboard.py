"""The calculations of the pages: every metric's value and trend, and the rate of interactions.

Viewers share them (`shared_calculation.py`); a changed definition discards them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tocsin.errors import TocsinError
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Answer, FieldReport
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question
from tocsin.runtime import Runtime
from tocsin.web.charts import small_line
from tocsin.web.shared_calculation import SharedCalculation

SHOWN_GROUPS = 3
_RATES = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_TREND, _TREND_STEP = timedelta(days=1), timedelta(minutes=30)
_VALUES_SECONDS, _RATES_SECONDS, _TREND_SECONDS, _FIELDS_SECONDS = 5, 5, 300, 120


@dataclass(frozen=True, slots=True)
class MetricValues:
    """The answer of every enabled metric at an instant, or the error of its calculation."""

    at: datetime
    by_metric: Mapping[UUID, Answer | TocsinError]


class Dashboard:
    """The calculations that pages share.

    Every coroutine raises Busy, or the errors of a calculation.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        pools = runtime.pools
        self._values = SharedCalculation(self._calculate, _VALUES_SECONDS, pools.page_questions)
        self._rates = SharedCalculation(self._count, _RATES_SECONDS, pools.page_questions)
        self._trends = SharedCalculation(self._trend, _TREND_SECONDS, pools.page_questions)
        self._fields = SharedCalculation(self._discover, _FIELDS_SECONDS, pools.questions)

    async def values(self) -> MetricValues:
        return await self._values.get(None)

    async def rates(self) -> list[int]:
        """The number of interactions in each minute of the last hour, oldest first."""
        return await self._rates.get(None)

    async def trend(self, metric_id: UUID) -> str:
        """The last day of a metric, as points of an SVG polyline; raises NotFound."""
        # Unknown ids must not fill the cache.
        self._runtime.metrics.get(metric_id)
        return await self._trends.get(metric_id)

    async def fields(self, scope: Scope) -> list[FieldReport]:
        """The payload fields that were recorded in a scope."""
        return await self._fields.get(scope)

    def forget(self) -> None:
        """Calculate again on the next call, because a metric was changed."""
        self._values.forget()
        self._trends.forget()

    def _calculate(self, _: None) -> MetricValues:
        at = self._runtime.now()
        enabled = [metric for metric in self._runtime.metrics.all() if metric.enabled]
        questions = [metric.question for metric in enabled]
        answers = self._runtime.page_calculator.calculate_all(questions, at, SHOWN_GROUPS)
        ids = [metric.metric_id for metric in enabled]
        return MetricValues(at, dict(zip(ids, answers, strict=True)))

    def _count(self, _: None) -> list[int]:
        to = self._runtime.now()
        question = Question(aggregation=Aggregation.COUNT)
        series = self._runtime.page_calculator.series(question, to - _RATES, to, _MINUTE)
        return [int(value or 0) for line in series.lines for _, value in line.points]

    def _discover(self, scope: Scope) -> list[FieldReport]:
        return self._runtime.discovery.details(scope).fields

    def _trend(self, metric_id: UUID) -> str:
        """One line for all groups together."""
        metric: Metric = self._runtime.metrics.get(metric_id)
        question = metric.question.ungrouped
        to = self._runtime.now()
        series = self._runtime.page_calculator.series(question, to - _TREND, to, _TREND_STEP)
        return small_line([value for line in series.lines for _, value in line.points])
