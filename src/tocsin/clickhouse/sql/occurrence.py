"""Compiles the queries that find whether fields occur in a scope, and have numbers."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.scan import scope_conditions
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.scope import Scope


def compile_occurring(scope: Scope, sought: Sequence[Field], table: Table) -> Query:
    """Rows of the positions of those fields that occur. Reads until the first interaction that has
    a field."""
    bind = Binder()
    fields = Fields(table, bind)
    branches = [
        f"SELECT {bind.integer(index)} AS position FROM {INTERACTIONS}\n"
        f"WHERE {_all([*scope_conditions(scope, bind), fields.exists(field)])} LIMIT 1"
        for index, field in enumerate(sought)
    ]
    text = "\nUNION ALL\n".join(f"SELECT * FROM ({branch})" for branch in branches)
    return Query(text, bind.parameters)


def compile_number_counts(scope: Scope, sought: Sequence[Field], table: Table) -> Query:
    """One row, with two columns for each field: the interactions that have it, and those of them
    without a number."""
    bind = Binder()
    fields = Fields(table, bind)
    counts = [
        f"countIf({exists}), countIf({exists} AND isNull({fields.number(field)}))"
        for field in sought
        for exists in [fields.exists(field)]
    ]
    conditions = scope_conditions(scope, bind)
    where = f"\nWHERE {_all(conditions)}" if conditions else ""
    return Query(f"SELECT {', '.join(counts)}\nFROM {INTERACTIONS}{where}", bind.parameters)


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions)
