"""The table as the compiler sees it: names, mnemonics, types and materialized columns of fields.

`clickhouse/schema.py` creates the table.
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
HERE = "database = currentDatabase()"
"""Selects the tables of this installation in system tables: a server may have tables of the same
names in other databases."""
PAYLOAD = "interaction"
SCOPE_COLUMNS = {
    Kind.RESOURCE_TYPE: "resourceTypeId",
    Kind.ACTION: "actionId",
    Kind.ORIGIN: "originId",
}


class JsonType(StrEnum):
    """The types with which the engine's JSON column stores the values of a path.

    BIG_INTEGER, ARRAY and OBJECT are no subcolumns: the engine stores integers past 64 bits as
    String, arrays as many types, and only the members of an object.
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


class ValueKind(StrEnum):
    """The kind of a payload field's value, for which it may have a materialized column."""

    NUMBER = "number"
    TEXT = "text"


TypesOf = Callable[[Path], frozenset[JsonType]]
ColumnOf = Callable[[Field, ValueKind], str | None]


def any_type(_path: Path) -> frozenset[JsonType]:
    """All types, for paths of unknown types."""
    return ANY_TYPE


def no_column(_field: Field, _kind: ValueKind) -> str | None:
    """None, for a table without materialized columns: queries read the JSON."""
    return None


@dataclass(frozen=True, slots=True)
class Table:
    """A snapshot of the table's properties on which a query relies.

    `types_of` must contain every type that occurs: an expression does not read values of other
    types. `column_of` names the column that holds the number or the text of a payload field, if
    there is one. No interaction has a timestamp outside of `extent`; a caller that relies on it
    checks after the query whether it still holds.
    """

    mnemonics: Mapping[Kind, Mapping[UUID, str]]
    types_of: TypesOf = any_type
    column_of: ColumnOf = no_column
    extent: Extent = UNKNOWN
