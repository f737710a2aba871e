"""Which metric does an alert of a file watch: one that it names, found among those there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tocsin.cli.definition_files import Definition, UnusableDefinitions
from tocsin.errors import Problem


def with_metric_ids(
    definitions: Iterable[Definition], metrics: Iterable[Any], file: str
) -> list[Definition]:
    """The definitions with `metricId` in place of `metric`; raises UnusableDefinitions."""
    ids: dict[str, list[str]] = {}
    for metric in metrics:
        ids.setdefault(metric["name"], []).append(str(metric["metricId"]))
    found, problems = [], []
    for definition in definitions:
        name = definition.get("metric")
        if name is None:
            found.append(definition)
            continue
        named = ids.get(name, []) if isinstance(name, str) else []
        if len(named) == 1:
            others = {k: v for k, v in definition.items() if k != "metric"}
            found.append({**others, "metricId": named[0]})
        else:
            problems.append(Problem(f"{definition['title']}: metric", _complaint(name, named)))
    if problems:
        raise UnusableDefinitions(f"{file} cannot be applied:", problems)
    return found


def _complaint(name: Any, ids: Sequence[str]) -> str:
    if ids:
        return f"{name} is the name of {len(ids)} metrics; give metricId"
    return f"{name} is the name of no metric"
