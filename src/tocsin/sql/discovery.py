"""Which payload fields occur in a scope, with which types, how often, and for example?"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tocsin.model.catalog import Kind
from tocsin.model.field import Field
from tocsin.model.payload import Path
from tocsin.sql.fields import Fields
from tocsin.sql.query import Binder, Query
from tocsin.sql.table import INTERACTIONS, PAYLOAD, SCOPE_COLUMNS, JsonType, Table

EXAMPLES = 5

_TYPES = {kind.value: kind for kind in JsonType}

Scope = dict[Kind, UUID | None]


def compile_types(scope: Scope) -> Query:
    """One row of one map: the engine's paths, each with the engine's names of its types."""
    bind = Binder()
    text = f"SELECT distinctJSONPathsAndTypes({PAYLOAD})\nFROM {INTERACTIONS}"
    return Query(text + _where(scope, bind), bind.parameters)


def compile_details(fields: Sequence[Field], scope: Scope, table: Table) -> Query:
    """One row; for each field: how often it is a string, a number, a boolean, an array, and the
    commonest strings, numbers and booleans (as texts)."""
    bind = Binder()
    sql = Fields(table, bind)
    columns = []
    for field in fields:
        texts = [sql.string(field), sql.text_of_number(field), sql.text_of_boolean(field)]
        columns += [f"count({text})" for text in texts]
        columns.append(f"countIf({sql.is_array(field)})")
        columns += [f"topK({EXAMPLES})({text})" for text in texts]
    text = "SELECT " + ",\n       ".join(columns) + f"\nFROM {INTERACTIONS}"
    return Query(text + _where(scope, bind), bind.parameters)


def path_of(spelled: str) -> Path:
    """A path as the engine spells it, in keys."""
    return tuple(key.replace("%2E", ".") for key in spelled.split("."))


def type_of(name: str) -> JsonType:
    """The type that the engine's name of a type stands for."""
    return _TYPES.get(name, JsonType.ARRAY)


def _where(scope: Scope, bind: Binder) -> str:
    conditions = [f"{SCOPE_COLUMNS[kind]} = {bind.uuid(id)}" for kind, id in scope.items() if id]
    return "\nWHERE " + " AND ".join(conditions) if conditions else ""
