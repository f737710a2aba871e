"""Many metrics in few statements of PostgreSQL: FILTER clauses over shared scans, in the
spellings that an expert would try.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from benchmarks.combined_pieces import (
    FIELDS,
    PER_UNIT,
    SCOPE_COLUMNS,
    Read,
    Statement,
    by_name,
    condition_of,
    dimensions_of,
    grouped,
    inline,
    is_distinct,
    rows_of,
    scope_of,
    within,
)
from benchmarks.metric_set import WINDOWS, Asked

Way = Callable[[Sequence[Asked]], Statement]


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way to write all of it."""

    name: str
    statements: tuple[Statement, ...]


def spellings(metrics: Sequence[Asked]) -> list[Spelling]:
    """Ways to write all metrics in few statements."""

    def split(name: str, key: Callable[[Asked], Hashable], write: Way) -> Spelling:
        return Spelling(name, tuple(write(group) for group in _by(metrics, key)))

    def apart(metric: Asked) -> Hashable:
        return metric.group_by, is_distinct(metric)

    return [
        split(
            "a scan for each group-by and window, distinct counts apart",
            lambda metric: (apart(metric), metric.window),
            one_scan,
        ),
        split("counted by scope and window first, then added up", apart, in_two_steps),
        split("a scan for each group-by", lambda metric: metric.group_by, one_scan),
        split("a scan for each group-by, distinct counts apart", apart, one_scan),
        split("the same, each payload taken apart once", apart, taken_apart),
    ]


def one_by_one(metrics: Sequence[Asked]) -> Spelling:
    return Spelling("one by one", tuple(one_scan([metric]) for metric in metrics))


def _by(metrics: Sequence[Asked], key: Callable[[Asked], Hashable]) -> list[list[Asked]]:
    groups: defaultdict[Hashable, list[Asked]] = defaultdict(list)
    for metric in metrics:
        groups[key(metric)].append(metric)
    return list(groups.values())


def one_scan(metrics: Sequence[Asked]) -> Statement:
    """FILTER clauses over the table itself."""
    return _filtered(metrics, inline, f"interactions WHERE {rows_of(metrics)}")


def taken_apart(metrics: Sequence[Asked]) -> Statement:
    """The same over a subquery that takes the payload of each row apart once."""
    fields = {name: expression for name, expression in FIELDS.values() if name != expression}
    columns = ", ".join(f"{expression} AS {name}" for name, expression in fields.items())
    rows = (
        f"(SELECT resource_type, action, origin, ts, resource_id, {columns} "
        f"FROM interactions WHERE {rows_of(metrics)} OFFSET 0) AS r"
    )
    return _filtered(metrics, by_name, rows)


def in_two_steps(metrics: Sequence[Asked]) -> Statement:
    """Aggregated by scope, the shortest window that a row is in, and group; those few rows are then
    added up for each metric. Distinct values cannot be added up."""
    if is_distinct(metrics[0]):
        return one_scan(metrics)
    partials: dict[str, str] = {}
    values = [_over_partials(metric, partials) for metric in metrics]
    dimensions = dimensions_of(metrics[0], inline)
    window = " ".join(f"WHEN {within(w)} THEN {n}" for n, w in enumerate(WINDOWS))
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
        f"FROM interactions WHERE {rows_of(metrics)} GROUP BY {keys}) AS r{grouped(names)}"
    )
    return Statement(text, tuple(metrics))


def _over_partials(metric: Asked, partials: dict[str, str]) -> str:
    """The metric's value over rows of partial results; adds to those what it needs."""
    filter = f" FILTER (WHERE {condition_of(metric.condition, inline)})" if metric.condition else ""
    lies = " AND ".join([*scope_of(metric), f"nearest <= {WINDOWS.index(metric.window)}"])

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
    dimensions = dimensions_of(metrics[0], read)
    values = [_value(metric, read) for metric in metrics]
    keys = grouped([str(n + 1) for n in range(len(dimensions))])
    text = f"SELECT {', '.join([*dimensions, *values])} FROM {source}{keys}"
    return Statement(text, tuple(metrics))


def _value(metric: Asked, read: Read) -> str:
    value = read(metric.field) if metric.field else "*"
    aggregate = {
        "COUNT": "count(*)",
        "RATE": "count(*)",
        "DISTINCT_COUNT": f"count(DISTINCT {value})",
    }.get(metric.aggregation, f"{metric.aggregation.lower()}({value})")
    holds = [*scope_of(metric), within(metric.window)]
    if metric.condition:
        holds.append(condition_of(metric.condition, read))
    filtered = f"{aggregate} FILTER (WHERE {' AND '.join(holds)})"
    if metric.aggregation == "RATE":
        return f"({filtered})::float8 / {PER_UNIT[metric.window]}"
    return filtered
