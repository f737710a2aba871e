"""Compiles the queries of field discovery: names, types, frequencies and examples of fields.

The rows of a sample are a few of each granule that is read, and reading the JSON column of a
granule decodes all of its rows. So the queries of periods parse the payloads of their rows from
`raw`: nine times as expensive for a row, but a fourth for a sample. Without subcolumns, parsing
takes a sixth less.
"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.clickhouse.settings import JSON_SETTINGS
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.scan import in_periods, scope_conditions
from tocsin.clickhouse.sql.table import INTERACTIONS, PAYLOAD, JsonType
from tocsin.model.interactions.payload import Path
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.window import Period

EXAMPLES = 5
EXAMPLE_LENGTH = 320
"""In characters; longer than any integer that a double can hold, so that no number is cut."""

Periods = Sequence[Period]
"""The time of the interactions that are read; without any, all are read."""

_PARSED = "raw::JSON(max_dynamic_paths = 0)"

_TYPES = {kind.value: kind for kind in JsonType}


def compile_rows_by_month(scope: Scope) -> Query:
    """Rows of (month, number of the scope's interactions)."""
    bind = Binder()
    text = f"SELECT _partition_id AS month, count() AS rows\nFROM {INTERACTIONS}"
    return Query(f"{text}{_where(scope, bind)}\nGROUP BY month", bind.parameters)


def compile_count(scope: Scope, periods: Periods) -> Query:
    """One row: the number of the scope's interactions in the periods."""
    bind = Binder()
    text = f"SELECT count()\nFROM {INTERACTIONS}"
    return Query(text + _where(scope, bind, periods), bind.parameters)


def compile_types(scope: Scope, periods: Periods = ()) -> Query:
    """One row of one map: the engine's paths, each with the engine's names for its types."""
    bind = Binder()
    text = f"SELECT distinctJSONPathsAndTypes({_payload(periods)})\nFROM {INTERACTIONS}"
    return Query(text + _where(scope, bind, periods) + _settings(periods), bind.parameters)


def compile_occurring_paths(scope: Scope, paths: Sequence[Path]) -> Query:
    """One row: for each path, whether the scope has a value at it that is no object. The paths must
    have subcolumns, of which only these are read."""
    bind = Binder()
    columns = [f"max(isNotNull({PAYLOAD}.{bind.identifier(_spelled(path))}))" for path in paths]
    text = f"SELECT {', '.join(columns)}\nFROM {INTERACTIONS}"
    return Query(text + _where(scope, bind), bind.parameters)


def compile_most_frequent(scope: Scope, most: int, periods: Periods = ()) -> Query:
    """Rows of the engine's paths, the `most` most frequent, in descending order of frequency."""
    bind = Binder()
    text = _most_frequent(scope, bind, most, periods) + _settings(periods)
    return Query(text, bind.parameters)


def compile_details(scope: Scope, most: int | None = None, periods: Periods = ()) -> Query:
    """Rows of (path, name of a type, occurrences, its most frequent texts); with `most`, only for
    the `most` most frequent paths.

    A text is cut one character past the length of an example, which shows that it was longer.

    The query decomposes every payload in one pass: its cost does not depend on the number of
    different fields, but is ten times that of `compile_types`.
    """
    bind = Binder()
    lines = [
        f"WITH {_payload(periods)} AS payload, JSONAllPathsWithTypes(payload) AS types",
        f"SELECT leaf.1, leaf.2, count(), topK({EXAMPLES})(leftUTF8(leaf.3, {EXAMPLE_LENGTH + 1}))",
        f"FROM {INTERACTIONS}",
        "ARRAY JOIN arrayZip(mapKeys(types), mapValues(types), JSONAllValues(payload)) AS leaf",
    ]
    where = _where(scope, bind, periods)
    if most is not None:
        where += "\nAND " if where else "\nWHERE "
        where += f"leaf.1 IN ({_most_frequent(scope, bind, most, periods)})"
    text = "\n".join(lines) + where + "\nGROUP BY leaf.1, leaf.2" + _settings(periods)
    return Query(text, bind.parameters)


def compile_big_integers(scope: Scope, periods: Periods = ()) -> Query:
    """Rows of (field, number of its integers past 64 bits, which the engine counts as strings)."""
    bind = Binder()
    text = f"SELECT field, count()\nFROM {INTERACTIONS}\nARRAY JOIN bigIntegers AS field"
    return Query(f"{text}{_where(scope, bind, periods)}\nGROUP BY field", bind.parameters)


def path_of(spelled: str) -> Path:
    """The keys of a path, given as the engine spells it."""
    return tuple(key.replace("%2E", ".") for key in spelled.split("."))


def _spelled(path: Path) -> str:
    return ".".join(key.replace(".", "%2E") for key in path)


def type_of(name: str) -> JsonType:
    """The type with this name in the engine; ARRAY for all others."""
    return _TYPES.get(name, JsonType.ARRAY)


def _most_frequent(scope: Scope, bind: Binder, most: int, periods: Periods) -> str:
    return (
        f"SELECT arrayJoin(JSONAllPaths({_payload(periods)})) AS path\nFROM {INTERACTIONS}"
        f"{_where(scope, bind, periods)}\nGROUP BY path\nORDER BY count() DESC, path LIMIT {most:d}"
    )


def _payload(periods: Periods) -> str:
    return _PARSED if periods else PAYLOAD


def _settings(periods: Periods) -> str:
    """The end of a query that parses payloads, so that it parses them as appends do."""
    settings = ", ".join(f"{name} = {value}" for name, value in JSON_SETTINGS.items())
    return f"\nSETTINGS {settings}" if periods else ""


def _where(scope: Scope, bind: Binder, periods: Periods = ()) -> str:
    conditions = scope_conditions(scope, bind)
    if periods:
        conditions.append(in_periods(periods, bind))
    return "\nWHERE " + " AND ".join(conditions) if conditions else ""
