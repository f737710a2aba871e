"""Finds the payload fields that occur: their names, types, frequencies and examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any, Generic, NamedTuple, TypeVar

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.discovery import (
    EXAMPLE_LENGTH,
    EXAMPLES,
    Periods,
    compile_big_integers,
    compile_count,
    compile_details,
    compile_most_frequent,
    compile_occurring_paths,
    compile_rows_by_month,
    compile_types,
    path_of,
    type_of,
)
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.clickhouse.sql.raw_values import has_subcolumn
from tocsin.clickhouse.sql.table import JsonType
from tocsin.metrics.discovery_sample import EXACT_ROWS, Sample, choose
from tocsin.model.ceilings import DISCOVERED_FIELDS
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.payload import Path
from tocsin.model.interactions.scope import ANY_SCOPE, Scope
from tocsin.model.metrics.answer import FieldReport
from tocsin.process.deadline import Deadline

T = TypeVar("T")

READ_ROWS = 1_000_000
"""With more interactions, the fields of all are those that this process knows. They may include
fields of interactions that were rejected, or that have expired since the start."""
SAMPLED_FIRST_ROWS = 400_000
"""With more interactions in a scope, a sample is read first. For a list of all fields, those that
it lacks are looked for one by one: each costs 5 to 25 ns for each interaction, and reading whole
payloads 1.2 µs."""
MOST_SOUGHT = 32


class Discovered(NamedTuple, Generic[T]):
    """Fields by name: those of a sample of the scope, unless `sample` is None."""

    fields: list[T]
    sample: Sample | None


class Discovery:
    """Finds fields with the clients that serve requests. Every method may raise QueryTooHeavy or
    Unavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def has_many_fields(self) -> bool:
        """Whether discovery may omit the least frequent fields."""
        return len(self._engine.field_types.paths) > DISCOVERED_FIELDS

    def fields(self, scope: Scope = ANY_SCOPE) -> Discovered[Field]:
        """The payload fields that occur in a scope; of more than DISCOVERED_FIELDS, the most
        frequent ones."""
        deadline = self._engine.deadline()
        self._engine.follow()
        known = None if self.has_many_fields else self._engine.field_types.leaves()
        if known is not None and scope == ANY_SCOPE and self._engine.rows() > READ_ROWS:
            return Discovered(_fields(known), None)
        can_seek = known is not None and scope != ANY_SCOPE
        sample = self._sample(scope, SAMPLED_FIRST_ROWS if can_seek else EXACT_ROWS, deadline)
        if sample is None:
            return Discovered(_fields(self._paths(scope, (), deadline)), None)
        paths = self._paths(scope, sample.periods, deadline)
        if known is not None and sample.of <= EXACT_ROWS:
            return Discovered(_fields(self._complete(paths, known, scope, deadline)), None)
        if scope == ANY_SCOPE and not self.has_many_fields:
            # Just after a start, when others may not be known yet.
            paths.update(self._engine.field_types.known_leaves())
        return Discovered(_fields(paths), sample)

    def details(self, scope: Scope = ANY_SCOPE) -> Discovered[FieldReport]:
        """The fields with their JSON types, their number of occurrences, and examples of at most
        EXAMPLE_LENGTH characters.

        Reads every payload of up to EXACT_ROWS in the table, which takes some 5 s of processor time
        for a million interactions; in larger tables, those of a sample of the scope.
        """
        deadline = self._engine.deadline()
        is_large = self._engine.rows() > EXACT_ROWS
        sample = self._sample(scope, SAMPLED_FIRST_ROWS if is_large else EXACT_ROWS, deadline)
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
        reports = [
            tallies[field].report(
                field, big.get(field, 0), promoted=field in promoted, sampled=sample is not None
            )
            for field in sorted(tallies, key=str)
        ]
        return Discovered(reports, sample)

    def _sample(self, scope: Scope, more_than: int, deadline: Deadline) -> Sample | None:
        """A sample of the scope's interactions, if there are more than `more_than`."""
        rows = self._engine.rows_by_month()
        if scope != ANY_SCOPE and sum(rows.values()) > more_than:
            counts = self._run(compile_rows_by_month(scope), deadline)
            rows = {str(month): int(count) for month, count in counts}
        return choose(
            rows,
            self._engine.recorded_extent.current,
            lambda periods: int(self._run(compile_count(scope, periods), deadline)[0][0]),
            more_than,
        )

    def _paths(self, scope: Scope, periods: Periods, deadline: Deadline) -> set[Path]:
        """The paths that occur in the scope, or in periods of it."""
        if self.has_many_fields:
            query = compile_most_frequent(scope, DISCOVERED_FIELDS, periods)
            return {path_of(spelled) for (spelled,) in self._run(query, deadline)}
        ((types,),) = self._run(compile_types(scope, periods), deadline)
        return set(map(path_of, types))

    def _complete(
        self, sampled: set[Path], known: Sequence[Path], scope: Scope, deadline: Deadline
    ) -> set[Path]:
        """All paths of the scope: those of a sample, and others of those known in the table."""
        sought = [path for path in known if path not in sampled and "" not in path]
        if not sought:
            return sampled
        if len(sought) > MOST_SOUGHT or not all(map(has_subcolumn, sought)):
            return self._paths(scope, (), deadline)
        (occurs,) = self._run(compile_occurring_paths(scope, sought), deadline)
        return sampled.union(compress(sought, occurs))

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


def _fields(paths: Iterable[Path]) -> list[Field]:
    return sorted((Field.of_path(path) for path in paths if "" not in path), key=str)


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
