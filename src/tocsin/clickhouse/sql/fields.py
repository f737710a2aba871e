"""SQL expressions for a field's text, number and string in a row, and for its existence.

The rules are "Fields" in docs/reference/semantics.md. A payload path may hold several types, each
in a separate subcolumn, so a field's text is a choice among them; the choice has only types that
may occur, which halves the bytes that a scan reads. If the table has a materialized column with
the same choice (`materialized_columns.py`), the query reads that instead; keys that no subcolumn
name can spell are read from the payload's text (`raw_values.py`).
"""

from __future__ import annotations

from tocsin.clickhouse.sql.query import Binder
from tocsin.clickhouse.sql.raw_values import RawValue, has_subcolumn
from tocsin.clickhouse.sql.table import PAYLOAD, SCOPE_COLUMNS, JsonType, Table, ValueKind
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Column, Field
from tocsin.model.interactions.payload import Path

NO_TEXT = "CAST(NULL, 'Nullable(String)')"
NO_NUMBER = "CAST(NULL, 'Nullable(Float64)')"
STRICT_NUMBER = "^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$"

KINDS = {
    Column.RESOURCE_TYPE: Kind.RESOURCE_TYPE,
    Column.ACTION: Kind.ACTION,
    Column.ORIGIN: Kind.ORIGIN,
}
_NUMBERS = (JsonType.INTEGER, JsonType.UNSIGNED, JsonType.DOUBLE)
_SCALARS = (*_NUMBERS, JsonType.BOOLEAN, JsonType.STRING, JsonType.BIG_INTEGER)
_NULLABLE = {Column.USER_ID, Column.UOW_ID, Column.EXTERNAL_REFERENCE}


class Fields:
    """The SQL of fields in one query."""

    def __init__(self, table: Table, bind: Binder) -> None:
        self.table = table
        self._bind = bind
        self.are_columns = True
        """Whether all expressions so far read columns of the table, none the payload."""

    def text(self, field: Field) -> str:
        """The field's text, a Nullable(String) where it can be missing."""
        if field.column:
            return self._column_text(field.column)
        if column := self.table.column_of(field, ValueKind.TEXT):
            return column
        if raw := self._raw(field):
            return raw.text if self._may_be(field, *_SCALARS) else NO_TEXT
        texts = self._texts(field, *_NUMBERS, JsonType.BOOLEAN)
        if self._may_be(field, JsonType.STRING, JsonType.BIG_INTEGER):
            texts.insert(0, self._leaf(field, JsonType.STRING))
        return _first_of(texts) or NO_TEXT

    def number(self, field: Field) -> str:
        """The field's number, a Nullable(Float64)."""
        if field.column:
            return _number_of_string(self.text(field))
        if column := self.table.column_of(field, ValueKind.NUMBER):
            return column
        if raw := self._raw(field):
            return _number_of_string(raw.text) if self._may_be(field, *_SCALARS) else NO_NUMBER
        numbers = (
            [self._leaf(field, JsonType.DOUBLE)] if self._may_be(field, JsonType.DOUBLE) else []
        )
        numbers += [
            f"toFloat64({self._leaf(field, kind)})"
            for kind in (JsonType.INTEGER, JsonType.UNSIGNED)
            if self._may_be(field, kind)
        ]
        if self._may_be(field, JsonType.STRING, JsonType.BIG_INTEGER):
            numbers.append(_number_of_string(self._leaf(field, JsonType.STRING)))
        return _first_of(numbers) or NO_NUMBER

    def is_whole(self, field: Field) -> bool:
        """Whether all numbers of the field that have been recorded are integers."""
        return not field.column and not self._may_be(field, JsonType.DOUBLE, JsonType.STRING)

    def string(self, field: Field) -> str:
        """The field's text if it is a string, else NULL; for comparisons by code point."""
        if field.column or self._is_always_among(field, JsonType.STRING):
            return self.text(field)
        if not self._may_be(field, JsonType.STRING):
            return NO_TEXT
        raw = self._raw(field)
        string = raw.string if raw else self._leaf(field, JsonType.STRING)
        if not self._may_be(field, JsonType.BIG_INTEGER):
            return string
        return f"if(has(bigIntegers, {self._bind.string(str(field))}), NULL, {string})"

    def is_array(self, field: Field) -> str:
        if not self._may_be(field, JsonType.ARRAY):
            return "false"
        if raw := self._raw(field):
            return raw.is_array
        return f"startsWith(dynamicType({self._dynamic(field)}), 'Array')"

    def exists(self, field: Field) -> str:
        """Whether the field has any value but null; objects and arrays count as values."""
        if field.column:
            return f"isNotNull({field.column})" if field.column in _NULLABLE else "true"
        if self._is_always_among(field, *_SCALARS) and (
            column := self.table.column_of(field, ValueKind.TEXT)
        ):
            return f"isNotNull({column})"
        if raw := self._raw(field):
            return raw.exists
        exists = f"isNotNull({self._dynamic(field)})"
        if not self._may_be(field, JsonType.OBJECT):
            return exists
        # The JSON type keeps no trace of an object without leaves.
        return f"({exists} OR JSONType(raw, {self._keys(field.path)}) = 'Object')"

    def has_element(self, field: Field, text: str) -> str | None:
        """Whether the field is an array with an element of that text; None if it is never an
        array."""
        if field.column or not self._may_be(field, JsonType.ARRAY):
            return None
        # Read from the raw payload: the JSON type converts the elements of mixed arrays.
        elements = f"JSONExtractArrayRaw(raw, {self._keys(field.path)})"
        has = f"arrayExists(e -> ifNull({RawValue('e').text} = {text}, false), {elements})"
        return f"if({self.is_array(field)}, {has}, false)"

    def group(self, field: Field) -> tuple[str, str]:
        """The expression to group by, and the text of a group. The former is cheaper than the text
        where the catalog or the column's type allows it."""
        if field.column in KINDS:
            return SCOPE_COLUMNS[KINDS[field.column]], self.text(field)
        if field.column is Column.UOW_ID:
            return str(field.column), self.text(field)
        text = self.text(field)
        return text, text

    def _column_text(self, column: Column) -> str:
        if column in KINDS:
            mnemonics = self.table.mnemonics[KINDS[column]]
            ids = self._bind.uuids(list(mnemonics))
            names = self._bind.strings(list(mnemonics.values()))
            return f"transform({SCOPE_COLUMNS[KINDS[column]]}, {ids}, {names}, '')"
        return f"toString({column})" if column is Column.UOW_ID else str(column)

    def _texts(self, field: Field, *kinds: JsonType) -> list[str]:
        return [
            f"toString({self._leaf(field, kind)})" for kind in kinds if self._may_be(field, kind)
        ]

    def _may_be(self, field: Field, *kinds: JsonType) -> bool:
        types = self.table.types_of(field.path)
        return any(kind in types for kind in kinds)

    def _is_always_among(self, field: Field, *kinds: JsonType) -> bool:
        return self.table.types_of(field.path) <= set(kinds)

    def _leaf(self, field: Field, kind: JsonType) -> str:
        return f"{self._dynamic(field)}.:{kind}"

    def _dynamic(self, field: Field) -> str:
        self.are_columns = False
        path = ".".join(key.replace(".", "%2E") for key in field.path)
        return f"{PAYLOAD}.{self._bind.identifier(path)}"

    def _raw(self, field: Field) -> RawValue | None:
        """The value in the payload's text; None if a subcolumn has it."""
        if has_subcolumn(field.path):
            return None
        self.are_columns = False
        return RawValue.at(self._keys(field.path))

    def _keys(self, path: Path) -> str:
        return ", ".join(map(self._bind.string, path))


def _number_of_string(string: str) -> str:
    number = f"toFloat64OrZero({string})"
    return f"if(match({string}, '{STRICT_NUMBER}') AND isFinite({number}), {number}, NULL)"


def _first_of(choices: list[str]) -> str:
    return f"coalesce({', '.join(choices)})" if len(choices) > 1 else "".join(choices)
