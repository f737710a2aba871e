"""Selects the payload fields that get materialized columns, and compiles the ALTER statements.

A materialized column holds the number or the text of a payload field, computed by the expression
with which a query would read it from the JSON, for all types. Its name is a digest of that
definition, so a different definition is a different column. Keys are bound as in any query: the
engine also takes parameters in ALTER (26.9), and stores their values.

Where a metric compares a field with one of many texts, a skip index excludes the granules that
cannot hold that text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

from tocsin.clickhouse.sql.compiler import compile_metric
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.table import HERE, INTERACTIONS, Table, TypesOf, ValueKind
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import Operator
from tocsin.model.interactions.filter_tree import leaves
from tocsin.model.metrics.question import Question

MAX_FIELDS = 200
# At most this many distinct values make a column LowCardinality, which stores, compares and counts
# each of them once in a part.
LOW_CARDINALITY_LIMIT = 1_000
# Ten bits for each text of two granules: one in a hundred granules without the text is still read.
_SKIP_INDEX = "bloom_filter(0.01) GRANULARITY 2"
_SKIP_INDEX_PREFIX = "places_of_"

_ANY_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)

_IS_MATERIALIZED = "default_kind = 'MATERIALIZED'"

FieldValue = tuple[Field, ValueKind]


@dataclass(frozen=True, slots=True)
class MaterializedColumn:
    """The number or the text of a field; with `is_low_cardinality` it has few distinct texts, and
    with `has_equality_filter` metrics compare it with given texts."""

    field: Field
    kind: ValueKind
    is_low_cardinality: bool = False
    has_equality_filter: bool = False

    def __str__(self) -> str:
        return f"{self.kind} of {self.field}"

    @property
    def name(self) -> str:
        bind = Binder()
        definition = f"{self.definition(bind)} {sorted(bind.parameters.items())}"
        return f"{self.kind}_{blake2b(definition.encode(), digest_size=8).hexdigest()}"

    @property
    def index(self) -> str | None:
        """The name of its skip index, if it has one. Numbers have none: the index would exclude
        granules with -0.0 for 0."""
        has_index = self.has_equality_filter and not self.is_low_cardinality
        if self.kind is ValueKind.NUMBER or not has_index:
            return None
        return f"{_SKIP_INDEX_PREFIX}{self.name}"

    @property
    def names(self) -> set[str]:
        """The names of the column and of its index."""
        return {self.name} | ({self.index} if self.index else set())

    def definition(self, bind: Binder) -> str:
        """Its type, and the expression that computes it."""
        fields = Fields(Table({}), bind)
        if self.kind is ValueKind.NUMBER:
            return f"Nullable(Float64) MATERIALIZED {fields.number(self.field)}"
        type = "LowCardinality(Nullable(String))" if self.is_low_cardinality else "Nullable(String)"
        return f"{type} MATERIALIZED {fields.text(self.field)}"


def columns_to_materialize(questions: Iterable[Question], types_of: TypesOf) -> list[FieldValue]:
    """The field values that the questions use, of the MAX_FIELDS fields that most questions use;
    of equally frequent fields, the first are chosen."""
    by_question = [columns_used(question, types_of) for question in questions]
    counts: Counter[Field] = Counter()
    for values in by_question:
        counts.update(list(dict.fromkeys(field for field, _ in values)))
    chosen = {field for field, _ in counts.most_common(MAX_FIELDS)}
    used = (value for values in by_question for value in values)
    return list(dict.fromkeys(value for value in used if value[0] in chosen))


def equality_fields(questions: Iterable[Question]) -> set[Field]:
    """The fields that filters compare for equality."""
    return {
        filter.field
        for question in questions
        for part in question.parts
        for filter in leaves(part.filters)
        if filter.operator in (Operator.EQ, Operator.IN)
    }


def columns_used(question: Question, types_of: TypesOf) -> list[FieldValue]:
    """The field values that the question's query looks up in the table, in order, found by
    compiling it against a recording table."""
    values: dict[FieldValue, None] = {}
    mnemonics = {kind: dict[UUID, str]() for kind in Kind}
    table = Table(mnemonics, types_of, lambda field, kind: values.setdefault((field, kind)))
    for part in question.parts:
        compile_metric(part, _ANY_INSTANT, 1, table)
    return list(values)


def compile_add(
    columns: Iterable[MaterializedColumn],
    table: str = INTERACTIONS,
    *,
    with_indexes: bool = True,
) -> Query:
    """Add columns and their indexes. Interactions recorded later have the columns; for earlier
    ones, the engine computes them on each read until they are backfilled. The engine creates
    indexes when it merges or backfills parts."""
    bind = Binder()
    changes = []
    for column in columns:
        changes.append(f"ADD COLUMN IF NOT EXISTS {column.name} {column.definition(bind)}")
        if column.index and with_indexes:
            changes.append(
                f"ADD INDEX IF NOT EXISTS {column.index} {column.name} TYPE {_SKIP_INDEX}"
            )
    return Query(f"ALTER TABLE {table} " + ",\n  ".join(changes), bind.parameters)


def compile_backfill(names: Iterable[str], table: str = INTERACTIONS) -> Query:
    """Compute the columns and indexes of all recorded interactions, in the background."""
    changes = ", ".join(f"MATERIALIZE {_kind(name)} {name}" for name in names)
    return Query(f"ALTER TABLE {table} {changes}")


def compile_drop(
    names: Iterable[str], table: str = INTERACTIONS, *, with_indexes: bool = True
) -> Query:
    """Drop columns and indexes."""
    names = [name for name in names if with_indexes or is_column(name)]
    # An index must be dropped before its column.
    ordered = sorted(names, key=_kind, reverse=True)
    changes = ", ".join(f"DROP {_kind(name)} IF EXISTS {name}" for name in ordered)
    return Query(f"ALTER TABLE {table} {changes}")


def compile_existing(tables: Sequence[str] = (INTERACTIONS,)) -> Query:
    """Rows of (name): the materialized columns that all tables of a server have, and the indexes of
    the first one, backfilled or not."""
    names = ", ".join(f"'{table}'" for table in tables)
    return Query(
        "SELECT name FROM system.columns\n"
        f"WHERE {HERE} AND table IN ({names}) AND {_IS_MATERIALIZED}\n"
        f"GROUP BY name HAVING count() = {len(tables)}\n"
        "UNION ALL\nSELECT name FROM system.data_skipping_indices\n"
        f"WHERE {_of(tables[0])} AND startsWith(name, '{_SKIP_INDEX_PREFIX}')"
    )


def is_column(name: str) -> bool:
    """Whether it is the name of a column, and not of an index."""
    return not name.startswith(_SKIP_INDEX_PREFIX)


def _kind(name: str) -> str:
    return "COLUMN" if is_column(name) else "INDEX"


def compile_by_part(table: str = INTERACTIONS) -> Query:
    """Rows of (names, rows): for each part, the materialized columns that it has on disk."""
    names = f"SELECT name FROM system.columns WHERE {_of(table)} AND {_IS_MATERIALIZED}"
    return Query(
        f"SELECT groupArrayIf(column, column IN ({names})), any(rows)\n"
        f"FROM system.parts_columns\nWHERE active AND {_of(table)}\nGROUP BY name"
    )


def compile_pending_mutations(table: str = INTERACTIONS) -> Query:
    """One row: the number of the table's mutations that have not finished."""
    return Query(f"SELECT count() FROM system.mutations WHERE NOT is_done AND {_of(table)}")


def _of(table: str) -> str:
    return f"{HERE} AND table = '{table}'"


def compile_cardinalities(fields: Iterable[Field], types_of: TypesOf) -> Query:
    """One row: the approximate number of distinct texts of each field."""
    bind = Binder()
    sql = Fields(Table({}, types_of), bind)
    counts = ", ".join(f"uniq({sql.text(field)})" for field in fields)
    return Query(f"SELECT {counts} FROM {INTERACTIONS}", bind.parameters)
