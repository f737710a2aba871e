"""The keys of the cache: of a metric, and of the rollup that it shares with others."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta

from tocsin.clickhouse.sql.plan import mnemonics_used_by, partials_key
from tocsin.clickhouse.sql.table import Table
from tocsin.model.metrics.question import Question


def metric_key(question: Question) -> Hashable:
    """Equal for questions that read the same partial aggregates over the same window."""
    return tuple(map(partials_key, question.parts)), window_length(question)


def rollup_key(question: Question, table: Table) -> Hashable:
    """Equal for questions that the same partial aggregates answer: they differ in their windows
    only, and the catalog has the same names for the fields that they read."""
    fields = [filter.field for filter in question.filters]
    fields += [*question.group_by, *([question.field] if question.field else [])]
    return partials_key(question), mnemonics_used_by(fields, table)


def window_length(question: Question) -> timedelta | None:
    return question.time_window.length if question.time_window else None
