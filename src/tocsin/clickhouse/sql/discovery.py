"""Which payload fields occur in a scope, with which types, how often, and for example?"""

from __future__ import annotations

from uuid import UUID

from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.table import INTERACTIONS, PAYLOAD, SCOPE_COLUMNS, JsonType
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.payload import Path

EXAMPLES = 5
EXAMPLE_LENGTH = 320
"""In characters; longer than any integer that a double can hold, so that no number is cut."""

_TYPES = {kind.value: kind for kind in JsonType}

Scope = dict[Kind, UUID | None]


def compile_types(scope: Scope) -> Query:
    """One row of one map: the engine's paths, each with the engine's names of its types."""
    bind = Binder()
    text = f"SELECT distinctJSONPathsAndTypes({PAYLOAD})\nFROM {INTERACTIONS}"
    return Query(text + _where(scope, bind), bind.parameters)


def compile_commonest(scope: Scope, most: int) -> Query:
    """Rows of the engine's paths, those that occur most first."""
    bind = Binder()
    return Query(_commonest(scope, bind, most), bind.parameters)


def compile_details(scope: Scope, most: int | None = None) -> Query:
    """Rows of (path, name of a type, how often, its commonest texts); with `most`, only of the
    paths that occur most.

    A text is cut after one character more than an example has, which shows that it was longer.

    One pass that takes every payload apart: what it costs does not depend on how many different
    fields there are, but it is ten times what `compile_types` costs.
    """
    bind = Binder()
    lines = [
        f"WITH JSONAllPathsWithTypes({PAYLOAD}) AS types",
        f"SELECT leaf.1, leaf.2, count(), topK({EXAMPLES})(leftUTF8(leaf.3, {EXAMPLE_LENGTH + 1}))",
        f"FROM {INTERACTIONS}",
        f"ARRAY JOIN arrayZip(mapKeys(types), mapValues(types), JSONAllValues({PAYLOAD})) AS leaf",
    ]
    where = _where(scope, bind)
    if most is not None:
        where += "\nAND " if where else "\nWHERE "
        where += f"leaf.1 IN ({_commonest(scope, bind, most)})"
    text = "\n".join(lines) + where + "\nGROUP BY leaf.1, leaf.2"
    return Query(text, bind.parameters)


def compile_big_integers(scope: Scope) -> Query:
    """Rows of (field, how often it is an integer past 64 bits, which counts as a String)."""
    bind = Binder()
    text = f"SELECT field, count()\nFROM {INTERACTIONS}\nARRAY JOIN bigIntegers AS field"
    return Query(f"{text}{_where(scope, bind)}\nGROUP BY field", bind.parameters)


def path_of(spelled: str) -> Path:
    """A path as the engine spells it, in keys."""
    return tuple(key.replace("%2E", ".") for key in spelled.split("."))


def type_of(name: str) -> JsonType:
    """The type that the engine's name of a type stands for."""
    return _TYPES.get(name, JsonType.ARRAY)


def _commonest(scope: Scope, bind: Binder, most: int) -> str:
    return (
        f"SELECT arrayJoin(JSONAllPaths({PAYLOAD})) AS path\nFROM {INTERACTIONS}"
        f"{_where(scope, bind)}\nGROUP BY path\nORDER BY count() DESC, path LIMIT {most:d}"
    )


def _where(scope: Scope, bind: Binder) -> str:
    conditions = [f"{SCOPE_COLUMNS[kind]} = {bind.uuid(id)}" for kind, id in scope.items() if id]
    return "\nWHERE " + " AND ".join(conditions) if conditions else ""
