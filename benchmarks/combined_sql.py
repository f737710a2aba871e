"""Many metrics for PostgreSQL: FILTER clauses over shared scans, in the ways that a person who
knows it would try. All of it is text of our own making, so values stand in it as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.compare import Answer
from benchmarks.data import CODES
from benchmarks.metric_set import WINDOWS, Asked, Condition

INTERVALS = {"5m": "5 minutes", "1h": "1 hour", "24h": "24 hours", "7d": "7 days"}
PER_UNIT = {"5m": 5, "1h": 1, "24h": 24, "7d": 7}
SCOPE_COLUMNS = {"resourceType": "resource_type", "action": "action", "origin": "origin"}
# What is read of a row: by the field, a name, and the expression that it stands for.
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


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way to write all of it."""

    name: str
    statements: tuple[Statement, ...]


def spellings(metrics: Sequence[Asked]) -> list[Spelling]:
    """Ways to write all metrics in few statements."""

    def split(name: str, key: Callable[[Asked], Hashable], write: Any) -> Spelling:
        return Spelling(name, tuple(write(some) for some in _by(metrics, key)))

    return [
        split("a scan for each group-by", lambda m: m.group_by, one_scan),
        split("the same, distinct counts apart", lambda m: (m.group_by, _is_distinct(m)), one_scan),
        split("the same for each window", lambda m: (m.group_by, _is_distinct(m), m.window),
              one_scan),
        split("payload taken apart once", lambda m: (m.group_by, _is_distinct(m)), taken_apart),
        split("counted by scope and window first", lambda m: (m.group_by, _is_distinct(m)),
              in_two_steps),
    ]  # fmt: skip


def one_by_one(metrics: Sequence[Asked]) -> Spelling:
    return Spelling("one by one", tuple(one_scan([metric]) for metric in metrics))


def one_scan(metrics: Sequence[Asked]) -> Statement:
    """FILTER clauses over the table itself."""
    return _filtered(metrics, inline, f"interactions WHERE {_rows(metrics)}")


def taken_apart(metrics: Sequence[Asked]) -> Statement:
    """The same over a subquery that takes the payload of each row apart once."""
    fields = {name: expression for name, expression in FIELDS.values() if name != expression}
    columns = ", ".join(f"{expression} AS {name}" for name, expression in fields.items())
    rows = (
        f"(SELECT resource_type, action, origin, ts, resource_id, {columns} "
        f"FROM interactions WHERE {_rows(metrics)} OFFSET 0) AS r"
    )
    return _filtered(metrics, by_name, rows)


def in_two_steps(metrics: Sequence[Asked]) -> Statement:
    """Aggregated by scope, the shortest window that a row is in, and group; those few rows are then
    added up for each metric. What has to be told apart cannot be added up."""
    if _is_distinct(metrics[0]):
        return one_scan(metrics)
    partials: dict[str, str] = {}
    values = [_over_partials(metric, partials) for metric in metrics]
    dimensions = _dimensions(metrics[0], inline)
    window = " ".join(f"WHEN {_within(w)} THEN {n}" for n, w in enumerate(WINDOWS))
    inner = [
        *SCOPE_COLUMNS.values(),
        f"CASE {window} END AS nearest",
        *(f"{text} AS d{n}" for n, text in enumerate(dimensions)),
    ]
    keys = ", ".join(str(n + 1) for n in range(len(inner)))
    inner += [f"{aggregate} AS {name}" for aggregate, name in partials.items()]
    names = [f"d{n}" for n in range(len(dimensions))]
    text = (
        f"SELECT {', '.join([*names, *values])} FROM (SELECT {', '.join(inner)} "
        f"FROM interactions WHERE {_rows(metrics)} GROUP BY {keys}) AS r{_grouped(names)}"
    )
    return Statement(text, tuple(metrics))


def _over_partials(metric: Asked, partials: dict[str, str]) -> str:
    """The metric's value over rows of partial results; adds to those what it needs."""
    filter = f" FILTER (WHERE {_condition(metric.condition, inline)})" if metric.condition else ""

    lies = " AND ".join([*_scope(metric), f"nearest <= {WINDOWS.index(metric.window)}"])

    def total(aggregate: str, outer: str = "sum") -> str:
        name = partials.setdefault(f"{aggregate}{filter}", f"a{len(partials)}")
        return f"{outer}({name}) FILTER (WHERE {lies})"

    value = inline(metric.field) if metric.field else ""
    match metric.aggregation:
        case "COUNT":
            return total("count(*)")
        case "RATE":
            return f"{total('count(*)')}::float8 / {PER_UNIT[metric.window]}"
        case "AVG":
            return f"{total(f'sum({value})')} / nullif({total(f'count({value})')}, 0)"
        case "MAX":
            return total(f"max({value})", "max")
        case _:
            return total(f"sum({value})")


def _filtered(metrics: Sequence[Asked], read: Read, source: str) -> Statement:
    dimensions = _dimensions(metrics[0], read)
    values = [_value(metric, read) for metric in metrics]
    grouped = _grouped([str(n + 1) for n in range(len(dimensions))])
    text = f"SELECT {', '.join([*dimensions, *values])} FROM {source}{grouped}"
    return Statement(text, tuple(metrics))


def _value(metric: Asked, read: Read) -> str:
    value = read(metric.field) if metric.field else "*"
    aggregate = {
        "COUNT": "count(*)",
        "RATE": "count(*)",
        "DISTINCT_COUNT": f"count(DISTINCT {value})",
    }.get(metric.aggregation, f"{metric.aggregation.lower()}({value})")
    holds = [*_scope(metric), _within(metric.window)]
    if metric.condition:
        holds.append(_condition(metric.condition, read))
    filtered = f"{aggregate} FILTER (WHERE {' AND '.join(holds)})"
    if metric.aggregation == "RATE":
        return f"({filtered})::float8 / {PER_UNIT[metric.window]}"
    return filtered


def _condition(condition: Condition, read: Read) -> str:
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


def _rows(metrics: Sequence[Asked]) -> str:
    """Rows that no metric looks at are left out, as far as an index can tell them."""
    widest = max((metric.window for metric in metrics), key=WINDOWS.index)
    conditions = [_within(widest), "ts <= %(at)s"]
    scopes = {tuple(_scope(metric)) for metric in metrics}
    if len(scopes) == 1:
        conditions += scopes.pop()
    return " AND ".join(conditions)


def _within(window: str) -> str:
    return f"ts > %(at)s - interval '{INTERVALS[window]}'"


def _scope(metric: Asked) -> list[str]:
    return [f"{SCOPE_COLUMNS[part]} = {CODES[name]}" for part, name in metric.scope]


def _dimensions(metric: Asked, read: Read) -> list[str]:
    return [read(field) for field in metric.group_by]


def _grouped(keys: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def _is_distinct(metric: Asked) -> bool:
    return metric.aggregation == "DISTINCT_COUNT"


def _by(metrics: Sequence[Asked], key: Callable[[Asked], Hashable]) -> list[list[Asked]]:
    groups: defaultdict[Hashable, list[Asked]] = defaultdict(list)
    for metric in metrics:
        groups[key(metric)].append(metric)
    return list(groups.values())
