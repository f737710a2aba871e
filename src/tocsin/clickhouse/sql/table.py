"""What does the compiler know of the table: names, mnemonics, the types fields are known by, and
which of them have columns of their own.

The table itself is made in `engine/schema.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tocsin.clickhouse.sql.extent import UNKNOWN, Extent
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.payload import Path

INTERACTIONS = "interactions"
PAYLOAD = "interaction"
SCOPE_COLUMNS = {
    Kind.RESOURCE_TYPE: "resourceTypeId",
    Kind.ACTION: "actionId",
    Kind.ORIGIN: "originId",
}


class JsonType(StrEnum):
    """The types by which the engine's JSON column keeps the values of a path.

    BIG_INTEGER, ARRAY and OBJECT are no subcolumns: integers past 64 bits are kept as String,
    arrays under many types, and of an object only what stands in it.
    """

    STRING = "String"
    INTEGER = "Int64"
    UNSIGNED = "UInt64"
    DOUBLE = "Float64"
    BOOLEAN = "Bool"
    BIG_INTEGER = "big"
    ARRAY = "array"
    OBJECT = "object"


ANY_TYPE = frozenset(JsonType)


class Aspect(StrEnum):
    """What a payload field is asked for, and may have a column of its own for."""

    NUMBER = "number"
    TEXT = "text"


TypesOf = Callable[[Path], frozenset[JsonType]]
ColumnOf = Callable[[Field, Aspect], str | None]


def any_type(_path: Path) -> frozenset[JsonType]:
    """Where nothing is known of a path, it may hold anything."""
    return ANY_TYPE


def no_column(_field: Field, _aspect: Aspect) -> str | None:
    """Where nothing is promoted, everything is read from the JSON."""
    return None


@dataclass(frozen=True, slots=True)
class Table:
    """A snapshot of what a query may rely on.

    `types_of` must never leave out a type that occurs: an expression that does not look for it
    would not see the values that have it. `promoted` names the column that holds the number or the
    text of a payload field, if there is one. Nothing is dated outside of `extent`: who relies on it
    has to see afterwards whether that still holds.
    """

    mnemonics: Mapping[Kind, Mapping[UUID, str]]
    types_of: TypesOf = any_type
    promoted: ColumnOf = no_column
    extent: Extent = UNKNOWN
