"""Compiles one question at many points, group by group: the runs of a subset of its groups.

The groups of a subset are chosen by the hash of their texts, so that no text is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.clickhouse.sql.compiler import SUMS
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.points import PointWindows
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.runs import aggregates, compile_runs
from tocsin.clickhouse.sql.table import Table
from tocsin.model.metrics.question import Question


class Subset(Protocol):
    """A choice of groups."""

    def condition(self, hashed: str, bind: Binder) -> str | None:
        """The condition for the hash of a group; None if all groups are chosen."""


@dataclass(frozen=True, slots=True)
class Slab:
    """The groups whose hash has one remainder, which bounds the size of each answer."""

    number: int
    count: int

    def condition(self, hashed: str, bind: Binder) -> str | None:
        if self.count == 1:
            return None
        return f"modulo({hashed}, {bind.integer(self.count)}) = {bind.integer(self.number)}"


@dataclass(frozen=True, slots=True)
class HashedGroups:
    """The groups with these hashes, as `signed_hash` has them."""

    hashes: Sequence[int]

    def condition(self, hashed: str, bind: Binder) -> str | None:
        return f"has({bind.integers(self.hashes)}, {signed_hash(hashed)})"


ALL_GROUPS = Slab(0, 1)


def group_hash(dimensions: int) -> str:
    """The hash of a group's texts."""
    return f"cityHash64(tuple({', '.join(f'd{n}' for n in range(dimensions))}))"


def signed_hash(hashed: str) -> str:
    return f"reinterpretAsInt64({hashed})"


def compile_lines(
    question: Question,
    windows: PointWindows,
    subset: Subset,
    table: Table,
    *,
    is_exact: bool = False,
) -> Query:
    """One row for each group of a subset: dimension texts, then a list for each column of its runs.
    With `is_exact`, sums are integers by exponent."""
    bind = Binder()
    names = [f"d{n}" for n in range(len(question.group_by))]
    chosen = subset.condition(group_hash(len(names)), bind) if names else None
    conditions = [chosen] if chosen else []
    runs = compile_runs(question, windows, Fields(table, bind), bind, conditions, is_exact=is_exact)
    lists = [f"{_collected(name)} AS {name}s" for name in aggregates(question, is_exact=is_exact)]
    lines = [
        "SELECT " + ", ".join([*names, *lists]),
        f"FROM (\n{runs}\n)",
        *(["GROUP BY " + ", ".join(names)] if names else []),
    ]
    return Query("\n".join(lines), bind.parameters)


def _collected(name: str) -> str:
    """The list of a column. `groupArray` skips nulls, which would misalign the lists: NaN replaces
    them. The numbers of a PERCENTILE are one list, in the order of the runs."""
    if name == "numbers":
        return f"groupArrayArray({name})"
    if name == "integers":
        return f"groupArray({name})"
    if name in (*SUMS, "extreme", "latest"):
        return f"groupArray(ifNull(toFloat64({name}), nan))"
    return f"groupArray(toInt64({name}))"
