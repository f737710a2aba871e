"""Resolves the names of metrics in the alerts of a file to ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tocsin.cli.definition_files import Definition, InvalidDefinitions
from tocsin.errors import Problem

_GUARDS = "onlyWhen"


def with_metric_ids(
    definitions: Iterable[Definition], metrics: Iterable[Any], file: str
) -> list[Definition]:
    """The definitions with `metricId` in place of `metric`, in their guards, too; raises
    InvalidDefinitions."""
    names = _MetricNames(metrics)
    resolved = []
    for definition in definitions:
        title = definition["title"]
        alert = names.resolved(definition, f"{title}: metric")
        guards = alert.get(_GUARDS)
        if isinstance(guards, list):
            alert = {**alert, _GUARDS: _guards(guards, names, title)}
        resolved.append(alert)
    if names.problems:
        raise InvalidDefinitions(f"{file} cannot be applied:", names.problems)
    return resolved


def _guards(guards: Sequence[Any], names: _MetricNames, title: str) -> list[Any]:
    return [
        names.resolved(guard, f"{title}: {_GUARDS}[{index}].metric")
        if isinstance(guard, dict)
        else guard
        for index, guard in enumerate(guards)
    ]


class _MetricNames:
    """The ids of metrics by name; collects the problems of names."""

    def __init__(self, metrics: Iterable[Any]) -> None:
        self.problems: list[Problem] = []
        self._ids: dict[str, list[str]] = {}
        for metric in metrics:
            self._ids.setdefault(metric["name"], []).append(str(metric["metricId"]))

    def resolved(self, reference: Mapping[str, Any], path: str) -> dict[str, Any]:
        """The definition that refers to a metric, with its id; `path` is that of the name."""
        name = reference.get("metric")
        if name is None:
            return dict(reference)
        ids = self._ids.get(name, []) if isinstance(name, str) else []
        if len(ids) != 1:
            self.problems.append(Problem(path, _problem(name, ids)))
        others = {member: value for member, value in reference.items() if member != "metric"}
        return {**others, "metricId": ids[0]} if ids else others


def _problem(name: Any, ids: Sequence[str]) -> str:
    if ids:
        return f"{len(ids)} metrics have the name {name}; give metricId"
    return f"no metric has the name {name}"
