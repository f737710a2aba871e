"""The clauses of a metric in PostgreSQL: its scope, window, filter and dimensions.

The benchmark writes all values itself, so they are literals of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.compare import Answer
from benchmarks.data import CODES
from benchmarks.metric_set import WINDOWS, Asked, Condition

INTERVALS = {"5m": "5 minutes", "1h": "1 hour", "24h": "24 hours", "7d": "7 days"}
PER_UNIT = {"5m": 5, "1h": 1, "24h": 24, "7d": 7}
SCOPE_COLUMNS = {"resourceType": "resource_type", "action": "action", "origin": "origin"}
# The columns that are read of a row: by the field, a name and its expression.
FIELDS = {
    "interaction.total": ("total", "(payload->>'total')::float8"),
    "interaction.user.score": ("score", "(payload->'user'->>'score')::float8"),
    "interaction.items": ("items", "(payload->>'items')::float8"),
    "interaction.user.id": ("user_id_of", "payload->'user'->>'id'"),
    "interaction.country": ("country", "payload->>'country'"),
    "interaction.outcome": ("outcome", "payload->>'outcome'"),
    "interaction.user.plan": ("plan", "payload->'user'->>'plan'"),
    "interaction.message": ("message", "payload->>'message'"),
    "resourceId": ("resource_id", "resource_id"),
}
Read = Callable[[str], str]
"""How a field is read: by its name, or by the expression."""


def inline(field: str) -> str:
    return FIELDS[field][1]


def by_name(field: str) -> str:
    return FIELDS[field][0]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL whose rows are (dimensions..., a value for each of its metrics)."""

    text: str
    metrics: tuple[Asked, ...]

    def read(self, rows: Iterable[Sequence[Any]]) -> dict[str, Answer]:
        answers: dict[str, Answer] = {metric.name: {} for metric in self.metrics}
        width = len(self.metrics[0].group_by)
        for row in rows:
            for metric, value in zip(self.metrics, row[width:], strict=True):
                answers[metric.name][tuple(row[:width])] = value
        return answers


def condition_of(condition: Condition, read: Read) -> str:
    value, field = condition.value, read(condition.field)
    match condition.operator:
        case "in":
            texts = "', '".join(value)
            return f"{field} IN ('{texts}')"
        case "contains":
            return f"position('{value}' IN {field}) > 0"
        case "gt":
            return f"{field} > {value}"
        case _:
            return f"{field} = '{value}'"


def rows_of(metrics: Sequence[Asked]) -> str:
    """Rows that no metric looks at are left out, as far as an index can tell them."""
    widest = max((metric.window for metric in metrics), key=WINDOWS.index)
    conditions = [within(widest), "ts <= %(at)s"]
    scopes = {tuple(scope_of(metric)) for metric in metrics}
    if len(scopes) == 1:
        conditions += scopes.pop()
    return " AND ".join(conditions)


def within(window: str) -> str:
    return f"ts > %(at)s - interval '{INTERVALS[window]}'"


def scope_of(metric: Asked) -> list[str]:
    return [f"{SCOPE_COLUMNS[part]} = {CODES[name]}" for part, name in metric.scope]


def dimensions_of(metric: Asked, read: Read) -> list[str]:
    return [read(field) for field in metric.group_by]


def grouped(keys: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def is_distinct(metric: Asked) -> bool:
    return metric.aggregation == "DISTINCT_COUNT"
