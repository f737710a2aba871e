"""A set of metrics like that of an installation with alerts: a seed gives the same set.

Thirty scopes, four windows, a third of them grouped, a third filtered, all aggregations but MIN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.data import ACTIONS, ORIGINS, RESOURCE_TYPES

WINDOWS = ("5m", "1h", "24h", "7d")
Scope = tuple[tuple[str, str], ...]
"""The member of the API and the mnemonic, for each part that is given."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter."""

    field: str
    operator: str
    value: Any


AGGREGATIONS = (
    (0.35, "COUNT"), (0.15, "SUM"), (0.15, "AVG"), (0.10, "MAX"), (0.10, "RATE"),
    (0.15, "DISTINCT_COUNT"),
)  # fmt: skip
NUMBERS = (
    (0.6, "interaction.total"),
    (0.3, "interaction.user.score"),
    (0.1, "interaction.items"),
)
TEXTS = ((0.7, "interaction.user.id"), (0.3, "resourceId"))
GROUPS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.66, ()),
    (0.14, ("interaction.country",)),
    (0.08, ("interaction.outcome",)),
    (0.08, ("interaction.user.plan",)),
    (0.04, ("interaction.country", "interaction.outcome")),
)
FILTERS = (
    (0.66, None),
    (0.10, Condition("interaction.outcome", "eq", "failed")),
    (0.10, Condition("interaction.total", "gt", 200)),
    (0.08, Condition("interaction.user.plan", "in", ["pro", "team"])),
    (0.06, Condition("interaction.message", "contains", "timeout")),
)
SCOPE_PARTS = (
    (0.75, ("resourceType", "action")),
    (0.15, ("resourceType", "action", "origin")),
    (0.05, ("resourceType",)),
    (0.05, ("origin",)),
)
SCOPES = 30
MNEMONICS = {"resourceType": RESOURCE_TYPES, "action": ACTIONS, "origin": ORIGINS}


@dataclass(frozen=True, slots=True)
class Asked:
    """One metric."""

    name: str
    aggregation: str
    scope: Scope
    window: str
    field: str | None
    condition: Condition | None
    group_by: tuple[str, ...]

    @property
    def definition(self) -> dict[str, Any]:
        """As the API takes it."""
        filter = self.condition
        filters = (
            [{"field": filter.field, "operator": filter.operator, "value": filter.value}]
            if filter
            else []
        )
        return {
            "name": self.name, "metricType": self.aggregation, **dict(self.scope),
            **({"field": self.field} if self.field else {}),
            "filters": filters, "timeWindow": self.window, "groupBy": list(self.group_by),
        }  # fmt: skip


def metrics(count: int, seed: int) -> list[Asked]:
    """A number of different metrics over the same thirty scopes."""
    rng = np.random.default_rng([seed, count])
    scopes = _scopes(np.random.default_rng(seed))
    distinct: dict[tuple[Any, ...], Asked] = {}
    while len(distinct) < count:
        question = _metric(rng, scopes, f"Metric {len(distinct) + 1}")
        distinct.setdefault((repr(question.definition | {"name": ""}),), question)
    return list(distinct.values())


def _metric(rng: Generator, scopes: Sequence[Scope], name: str) -> Asked:
    aggregation = _pick(rng, AGGREGATIONS)
    return Asked(
        name,
        aggregation,
        scopes[int(rng.integers(len(scopes)))],
        WINDOWS[rng.integers(len(WINDOWS))],
        _field(rng, aggregation),
        _pick(rng, FILTERS),
        _pick(rng, GROUPS),
    )


def _field(rng: Generator, aggregation: str) -> str | None:
    if aggregation in {"COUNT", "RATE"}:
        return None
    return str(_pick(rng, TEXTS if aggregation == "DISTINCT_COUNT" else NUMBERS))


def _scopes(rng: Generator) -> list[Scope]:
    distinct: dict[Scope, None] = {}
    while len(distinct) < SCOPES:
        distinct[tuple(_scope(rng))] = None
    return list(distinct)


def _scope(rng: Generator) -> Iterator[tuple[str, str]]:
    for part in _pick(rng, SCOPE_PARTS):
        weights = MNEMONICS[part]
        yield part, str(_pick(rng, [(weight, name) for name, weight in weights.items()]))


def _pick(rng: Generator, weighted: Sequence[tuple[float, Any]]) -> Any:
    """One of the second members, as often as the first ones say."""
    edges = np.cumsum([weight for weight, _ in weighted])
    place = np.searchsorted(edges, rng.random() * edges[-1], "right")
    return weighted[min(int(place), len(weighted) - 1)][1]
