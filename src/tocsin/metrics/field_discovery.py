"""Finds the payload fields that occur: their names, types, frequencies and examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.discovery import (
    EXAMPLE_LENGTH,
    EXAMPLES,
    compile_big_integers,
    compile_count,
    compile_details,
    compile_most_frequent,
    compile_rows_by_month,
    compile_types,
    path_of,
    type_of,
)
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.clickhouse.sql.table import JsonType
from tocsin.metrics.discovery_sample import EXACT_ROWS, Sample, choose
from tocsin.model.ceilings import DISCOVERED_FIELDS
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.scope import ANY_SCOPE, Scope
from tocsin.model.metrics.answer import FieldReport
from tocsin.process.deadline import Deadline

READ_ROWS = 1_000_000
"""With more interactions, the fields of all are those that this process knows. They may include
fields of interactions that were rejected, or that have expired since the start."""


class Discovery:
    """Finds fields with the clients that serve requests. Every method may raise QueryTooHeavy or
    Unavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sample(self, scope: Scope = ANY_SCOPE) -> Sample | None:
        """A sample of the scope's interactions, if there are too many to read all of them."""
        if self._engine.rows() <= EXACT_ROWS:
            return None
        deadline = self._engine.deadline()
        counts = self._run(compile_rows_by_month(scope), deadline)
        rows = {str(month): int(count) for month, count in counts}
        return choose(
            rows,
            self._engine.recorded_extent.current,
            lambda periods: int(self._run(compile_count(scope, periods), deadline)[0][0]),
        )

    def fields(self, scope: Scope = ANY_SCOPE, sample: Sample | None = None) -> list[Field]:
        """The payload fields that occur in the scope, or in a sample of it, by name; of more than
        DISCOVERED_FIELDS, the most frequent ones."""
        periods = sample.periods if sample else ()
        if self.has_many_fields:
            query = compile_most_frequent(scope, DISCOVERED_FIELDS, periods)
            rows = self._run(query, self._engine.deadline())
            paths = [path_of(spelled) for (spelled,) in rows]
            return sorted((Field.of_path(path) for path in paths if "" not in path), key=str)
        known = self._engine.field_types.leaves() if scope == ANY_SCOPE else None
        if known is None or self._engine.rows() <= READ_ROWS:
            ((types,),) = self._run(compile_types(scope, periods), self._engine.deadline())
            known = list(map(path_of, types))
        return sorted((Field.of_path(path) for path in known if "" not in path), key=str)

    @property
    def has_many_fields(self) -> bool:
        """Whether discovery may omit the least frequent fields."""
        return len(self._engine.field_types.paths) > DISCOVERED_FIELDS

    def details(self, scope: Scope = ANY_SCOPE, sample: Sample | None = None) -> list[FieldReport]:
        """The fields with their JSON types, their number of occurrences, and examples of at most
        EXAMPLE_LENGTH characters.

        Parses every payload: about a second for a million interactions.
        """
        deadline = self._engine.deadline()
        periods = sample.periods if sample else ()
        counts = self._run(compile_big_integers(scope, periods), deadline)
        big = {Field(name): n for name, n in counts}
        most = DISCOVERED_FIELDS if self.has_many_fields else None
        tallies: dict[Field, _Tally] = defaultdict(_Tally)
        query = compile_details(scope, most, periods)
        for spelled, name, count, examples in self._run(query, deadline):
            deadline.check()
            path = path_of(spelled)
            if "" not in path:
                tallies[Field.of_path(path)].add(type_of(name), count, examples)
        promoted = {field for field, _ in self._engine.materialized_columns}
        return [
            tallies[field].report(
                field, big.get(field, 0), promoted=field in promoted, sampled=sample is not None
            )
            for field in sorted(tallies, key=str)
        ]

    def _run(self, query: Query, deadline: Deadline) -> list[ResultRow]:
        return self._engine.calculation_queries.run(query, deadline)


class _Tally:
    """Occurrences and examples of one field by JSON type, summed over the engine's types."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = defaultdict(int)
        self._examples: dict[str, list[Any]] = defaultdict(list)

    def add(self, kind: JsonType, count: int, examples: Sequence[str]) -> None:
        name = _JSON_NAMES[kind]
        self._counts[name] += count
        if kind is not JsonType.ARRAY:
            self._examples[name] += [_READ.get(name, str)(text) for text in examples]

    def report(
        self, field: Field, big_integers: int, *, promoted: bool, sampled: bool
    ) -> FieldReport:
        counts, examples = dict(self._counts), dict(self._examples)
        if big_integers:
            # The engine stores integers beyond 64 bits as strings.
            counts["string"] -= big_integers
            counts["number"] = counts.get("number", 0) + big_integers
            if not counts["string"]:
                examples["number"] = examples.get("number", []) + [
                    int(text) for text in examples.pop("string")
                ]
        types = tuple(sorted(name for name, count in counts.items() if count))
        first = [example for name in types for example in examples.get(name, [])][:EXAMPLES]
        return FieldReport(
            field,
            types,
            sum(counts.values()),
            tuple(map(_cut, first)),
            any(map(_is_longer, first)),
            promoted,
            sampled,
        )


def _is_longer(example: Any) -> bool:
    return isinstance(example, str) and len(example) > EXAMPLE_LENGTH


def _cut(example: Any) -> Any:
    return example[:EXAMPLE_LENGTH] if isinstance(example, str) else example


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


_READ: dict[str, Callable[[str], Any]] = {"number": _number, "boolean": "true".__eq__}
_JSON_NAMES = {
    JsonType.STRING: "string",
    JsonType.INTEGER: "number",
    JsonType.UNSIGNED: "number",
    JsonType.DOUBLE: "number",
    JsonType.BOOLEAN: "boolean",
    JsonType.ARRAY: "array",
}
