"""Which columns should the table have for what metrics ask, and how are they made?

A promoted column holds the number or the text of a payload field, computed by the very expression
by which a query would find it in the JSON, with every type looked for. Its name is a digest of
that definition: a column that is computed otherwise is another column. Keys are bound, as in any
query: the engine takes parameters in ALTER too (26.9), and keeps what they came to.

Where a metric looks for one of many texts, an index tells in which granules that text cannot be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from tocsin.clickhouse.sql.compiler import compile_metric
from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.table import INTERACTIONS, Aspect, Table, TypesOf
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import Operator
from tocsin.model.metrics.metric import Question

MAX_FIELDS = 200
# Up to so many different texts, each is kept once in a part, and compared and counted once.
FEW = 1_000
# Ten bits for each text of two granules: one in a hundred of those without it is read all the same.
_PLACES = "bloom_filter(0.01) GRANULARITY 2"
_PLACES_OF = "places_of_"

_ANY_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)
_OF_TABLE = f"database = currentDatabase() AND table = '{INTERACTIONS}'"
_PARTS = f"active AND {_OF_TABLE}"
_COLUMNS = f"{_OF_TABLE} AND default_kind = 'MATERIALIZED'"

Ask = tuple[Field, Aspect]


@dataclass(frozen=True, slots=True)
class PromotedColumn:
    """The number or the text of a field; `is_few` says that it has few different texts,
    `is_sought` that metrics look for some of them."""

    field: Field
    aspect: Aspect
    is_few: bool = False
    is_sought: bool = False

    def __str__(self) -> str:
        return f"{self.aspect} of {self.field}"

    @property
    def name(self) -> str:
        bind = Binder()
        told = f"{self.definition(bind)} {sorted(bind.parameters.items())}"
        return f"{self.aspect}_{blake2b(told.encode(), digest_size=8).hexdigest()}"

    @property
    def index(self) -> str | None:
        """The name of its index. Numbers have none: 0 would not be found where -0.0 is."""
        has_one = self.is_sought and self.aspect is Aspect.TEXT and not self.is_few
        return f"{_PLACES_OF}{self.name}" if has_one else None

    @property
    def names(self) -> set[str]:
        """What the table has for it."""
        return {self.name} | ({self.index} if self.index else set())

    def definition(self, bind: Binder) -> str:
        """Its type, and the expression that computes it."""
        fields = Fields(Table({}), bind)
        if self.aspect is Aspect.NUMBER:
            return f"Nullable(Float64) MATERIALIZED {fields.number(self.field)}"
        kind = "LowCardinality(Nullable(String))" if self.is_few else "Nullable(String)"
        return f"{kind} MATERIALIZED {fields.text(self.field)}"


def worth_promoting(questions: Iterable[Question], types_of: TypesOf) -> list[Ask]:
    """What the questions ask of the payload: of the MAX_FIELDS fields that most of them ask, and
    of those that are asked equally often, of the first."""
    asks = [asked(question, types_of) for question in questions]
    counts: Counter[Field] = Counter()
    for some in asks:
        counts.update(list(dict.fromkeys(field for field, _ in some)))
    chosen = {field for field, _ in counts.most_common(MAX_FIELDS)}
    return list(dict.fromkeys(ask for some in asks for ask in some if ask[0] in chosen))


def sought(questions: Iterable[Question]) -> set[Field]:
    """The fields that have to be one of some values."""
    return {
        filter.field
        for question in questions
        for filter in question.filters
        if filter.operator in (Operator.EQ, Operator.IN)
    }


def asked(question: Question, types_of: TypesOf) -> list[Ask]:
    """For which columns its query asks the table, in their order: compiled to be overheard."""
    asks: dict[Ask, None] = {}

    def overhear(field: Field, aspect: Aspect) -> None:
        asks[field, aspect] = None

    table = Table({kind: {} for kind in Kind}, types_of, overhear)
    compile_metric(question, _ANY_INSTANT, 1, table)
    return list(asks)


def compile_add(columns: Iterable[PromotedColumn]) -> Query:
    """Interactions recorded from now on have the columns; of those before it they are computed
    when they are read, until they are filled. Indexes are made when parts are merged or filled."""
    bind = Binder()
    changes = []
    for column in columns:
        changes.append(f"ADD COLUMN IF NOT EXISTS {column.name} {column.definition(bind)}")
        if column.index:
            changes.append(f"ADD INDEX IF NOT EXISTS {column.index} {column.name} TYPE {_PLACES}")
    return Query(f"ALTER TABLE {INTERACTIONS} " + ",\n  ".join(changes), bind.parameters)


def compile_fill(names: Iterable[str]) -> Query:
    """Compute columns and indexes of all that is recorded: the engine does it in the background."""
    changes = ", ".join(f"MATERIALIZE {_kind(name)} {name}" for name in names)
    return Query(f"ALTER TABLE {INTERACTIONS} {changes}")


def compile_drop(names: Iterable[str]) -> Query:
    """An index has to go before its column."""
    ordered = sorted(names, key=_kind, reverse=True)
    changes = ", ".join(f"DROP {_kind(name)} IF EXISTS {name}" for name in ordered)
    return Query(f"ALTER TABLE {INTERACTIONS} {changes}")


def compile_present() -> Query:
    """Rows of (name): the promoted columns and their indexes that the table has, filled or not."""
    return Query(
        f"SELECT name FROM system.columns WHERE {_COLUMNS}\nUNION ALL\n"
        "SELECT name FROM system.data_skipping_indices\n"
        f"WHERE {_OF_TABLE} AND startsWith(name, '{_PLACES_OF}')"
    )


def _kind(name: str) -> str:
    return "INDEX" if name.startswith(_PLACES_OF) else "COLUMN"


def compile_by_part() -> Query:
    """Rows of (names, rows): for each part the promoted columns that it has on disk."""
    names = f"SELECT name FROM system.columns WHERE {_COLUMNS}"
    return Query(
        f"SELECT groupArrayIf(column, column IN ({names})), any(rows)\n"
        f"FROM system.parts_columns\nWHERE {_PARTS}\nGROUP BY name"
    )


def compile_under_way() -> Query:
    """One row: how many changes of the table are not done yet."""
    return Query(f"SELECT count() FROM system.mutations WHERE NOT is_done AND {_OF_TABLE}")


def compile_different(fields: Iterable[Field], types_of: TypesOf) -> Query:
    """One row: about how many different texts each of the fields has."""
    bind = Binder()
    sql = Fields(Table({}, types_of), bind)
    counts = ", ".join(f"uniq({sql.text(field)})" for field in fields)
    return Query(f"SELECT {counts} FROM {INTERACTIONS}", bind.parameters)
