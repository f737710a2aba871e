"""Resolves the names of metrics in the alerts of a file to ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tocsin.cli.definition_files import Definition, InvalidDefinitions
from tocsin.errors import Problem


def with_metric_ids(
    definitions: Iterable[Definition], metrics: Iterable[Any], file: str
) -> list[Definition]:
    """The definitions with `metricId` in place of `metric`; raises InvalidDefinitions."""
    ids: dict[str, list[str]] = {}
    for metric in metrics:
        ids.setdefault(metric["name"], []).append(str(metric["metricId"]))
    resolved, problems = [], []
    for definition in definitions:
        name = definition.get("metric")
        if name is None:
            resolved.append(definition)
            continue
        named = ids.get(name, []) if isinstance(name, str) else []
        if len(named) == 1:
            others = {k: v for k, v in definition.items() if k != "metric"}
            resolved.append({**others, "metricId": named[0]})
        else:
            problems.append(Problem(f"{definition['title']}: metric", _problem(name, named)))
    if problems:
        raise InvalidDefinitions(f"{file} cannot be applied:", problems)
    return resolved


def _problem(name: Any, ids: Sequence[str]) -> str:
    if ids:
        return f"{len(ids)} metrics have the name {name}; give metricId"
    return f"no metric has the name {name}"
