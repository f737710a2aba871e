"""The keys of the cache: of a metric, and of the rollup that it shares with others."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from functools import lru_cache

from tocsin.clickhouse.sql.plan import has_partials, mnemonics_used_by, partials_key
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.rollups.buckets import BEFORE_ALL, Interval
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.filter_tree import leaves
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.time_window import TimeWindow


def is_cacheable(question: Question) -> bool:
    """Whether partial aggregates can answer a question."""
    return all(map(has_partials, question.parts))


def metric_key(question: Question) -> Hashable:
    """Equal for questions that read the same partial aggregates over the same windows."""
    return tuple((partials_key(part), part.time_window) for part in question.parts)


def rollup_key(question: Question, table: Table) -> Hashable:
    """Equal for questions that the same partial aggregates answer: they differ in their windows
    only, and the catalog has the same names for the fields that they read."""
    fields = [filter.field for filter in leaves(question.filters)]
    fields += [*question.group_by, *([question.field] if question.field else [])]
    return partials_key(question), mnemonics_used_by(fields, table)


@lru_cache(maxsize=4_096)
def interval_at(window: TimeWindow | None, at: datetime) -> Interval:
    """The milliseconds that a window holds as of `at`; None is all time."""
    if window is None:
        return Interval(BEFORE_ALL, to_milliseconds(at))
    period = window.period(at)
    return Interval(to_milliseconds(period.after), to_milliseconds(period.upto))
