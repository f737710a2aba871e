"""What has to be done for a server to have the metrics of a file, and doing it.

A plan is a function of the definitions and of what the server has; reading it harms nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tocsin.cli.client import Client, Refused
from tocsin.cli.definitions import Definition, UnusableDefinitions
from tocsin.cli.routes import METRICS
from tocsin.errors import Problem

# A definition says one of the two; both at once are compared by the id.
_BY_MNEMONIC_OR_ID = ("metricType", "resourceType", "action", "origin")
_MEMBERS: dict[str, Any] = {
    "description": None,
    "field": None,
    "filters": [],
    "timeWindow": None,
    "groupBy": [],
    "enabled": True,
}
_KNOWN = {"name", *_MEMBERS, *_BY_MNEMONIC_OR_ID, *(f"{member}Id" for member in _BY_MNEMONIC_OR_ID)}
# Nothing that a window of at most ten years could reach is older, so this calculates over nothing.
_LONG_AGO = "1980-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one definition; `differences` are lines such as `timeWindow: 5m -> 1h`."""

    verb: Literal["create", "change", "unchanged"]
    definition: Definition
    metric_id: str | None = None
    differences: tuple[str, ...] = ()


def make_plan(definitions: Iterable[Definition], metrics: Sequence[Any], file: str) -> list[Step]:
    """One step for each definition; raises UnusableDefinitions where a name is no sure mark."""
    by_name: dict[str, list[Any]] = {}
    for metric in metrics:
        by_name.setdefault(metric["name"], []).append(metric)
    definitions = list(definitions)
    ambiguous = [
        Problem(d["name"], f"is the name of {len(same)} metrics on the server; rename or delete")
        for d in definitions
        if len(same := by_name.get(d["name"], [])) > 1
    ]
    if ambiguous:
        raise UnusableDefinitions(f"{file} cannot be applied:", ambiguous)
    return [_step(d, next(iter(by_name.get(d["name"], [])), None)) for d in definitions]


def _step(definition: Definition, metric: Any | None) -> Step:
    if metric is None:
        return Step("create", definition)
    differences = tuple(_differences(definition, metric))
    if not differences:
        return Step("unchanged", definition, metric["metricId"])
    return Step("change", definition, metric["metricId"], differences)


def _differences(definition: Definition, metric: Any) -> Iterable[str]:
    for member in _BY_MNEMONIC_OR_ID:
        wanted, has = definition.get(member), metric.get(member)
        if definition.get(f"{member}Id") is not None:
            member = f"{member}Id"
            wanted, has = definition[member], metric.get(member)
        if str(wanted or "").casefold() != str(has or "").casefold():
            yield f"{member}: {_shown(has)} -> {_shown(wanted)}"
    for member, default in _MEMBERS.items():
        wanted, has = _given(definition, member, default), _given(metric, member, default)
        if not _same(wanted, has):
            yield f"{member}: {_shown(has)} -> {_shown(wanted)}"
    for member in sorted(set(definition) - _KNOWN):
        yield f"{member}: is no member of a metric"


def _given(metric: Any, member: str, default: Any) -> Any:
    value = metric.get(member)
    return default if value is None else value


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 3 is 3.0, but 1 is not true; a filter's missing value is null."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same(one.get(key), other.get(key)) for key in one.keys() | other.keys())
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def check(plan: Iterable[Step], client: Client, file: str) -> None:
    """Let the server judge every definition that would be written, before any is.

    Raises UnusableDefinitions with everything that is wrong.
    """
    problems = []
    for step in plan:
        if step.verb == "unchanged":
            continue
        try:
            client.post(f"{METRICS}/preview", step.definition, at=_LONG_AGO, limit=1)
        except Refused as error:
            if error.status_code not in (400, 422):
                raise
            problems += _named(step.definition["name"], error)
    if problems:
        raise UnusableDefinitions(f"{file} cannot be applied:", problems)


def _named(name: str, error: Refused) -> list[Problem]:
    if not error.problems:
        return [Problem(name, error.detail)]
    return [Problem(f"{name}: {p.field}" if p.field else name, p.message) for p in error.problems]


def write(steps: Sequence[Step], client: Client) -> None:
    """Create and replace; raises UnusableDefinitions that says how far it came."""
    for number, step in enumerate(steps):
        try:
            if step.metric_id is None:
                client.post(METRICS, step.definition)
            else:
                client.put(f"{METRICS}/{step.metric_id}", step.definition)
        except Refused as error:
            done = f"{number} of {len(steps)} written, then the server refused one:"
            raise UnusableDefinitions(done, _named(step.definition["name"], error)) from error
