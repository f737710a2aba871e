"""What has to be done for a server to have the metrics or alerts of a file, and doing it.

A plan is a function of the definitions and of what the server has; reading it harms nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import typer

from tocsin.cli.client import Client, Refused
from tocsin.cli.definition_files import ALERT, METRIC, Definition, Noun, UnusableDefinitions
from tocsin.cli.routes import ALERTS, METRICS
from tocsin.errors import Problem


@dataclass(frozen=True, slots=True)
class Kind:
    """What is planned: where it is on a server, the members with their defaults, and those that
    are given by name or by id: both at once are compared by the id."""

    noun: Noun
    path: str
    id: str
    defaults: Mapping[str, Any]
    by_name_or_id: Mapping[str, str | None]
    try_out: Callable[[Client, Definition], object]

    @property
    def members(self) -> set[str]:
        ids = {f"{member}Id" for member in self.by_name_or_id}
        return {self.noun.name, *self.defaults, *self.by_name_or_id, *ids}


# Nothing that a window of at most ten years could reach is older, so this calculates over nothing.
_LONG_AGO, _SOON_AFTER = "1980-01-01T00:00:00.000Z", "1980-01-01T00:00:10.000Z"

METRICS_OF_A_FILE = Kind(
    METRIC,
    METRICS,
    "metricId",
    {
        "description": None,
        "field": None,
        "filters": [],
        "timeWindow": None,
        "groupBy": [],
        "enabled": True,
    },
    dict.fromkeys(("metricType", "resourceType", "action", "origin")),
    lambda client, definition: client.post(f"{METRICS}/preview", definition, at=_LONG_AGO, limit=1),
)
ALERTS_OF_A_FILE = Kind(
    ALERT,
    ALERTS,
    "alertId",
    {
        "description": None,
        "runbookUrl": None,
        "labels": {},
        "metricId": None,
        "operator": None,
        "threshold": None,
        "recoveryThreshold": None,
        "severity": "warning",
        "enabled": True,
        "interval": "1m",
        "for": "0s",
        "keepFiringFor": "0s",
        "noData": "ok",
        "evaluationDelay": "0s",
    },
    {"alertAction": None, "recoveryAction": None, "resourceType": "ALERT"},
    lambda client, definition: client.post(
        f"{ALERTS}/backtest",
        {"alert": definition, "from": _LONG_AGO, "to": _SOON_AFTER, "step": "10s"},
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one definition; `differences` are lines such as `timeWindow: 5m -> 1h`."""

    verb: Literal["create", "change", "unchanged"]
    definition: Definition
    id: str | None = None
    differences: tuple[str, ...] = ()


def make_plan(
    definitions: Iterable[Definition],
    existing: Sequence[Any],
    file: str,
    kind: Kind = METRICS_OF_A_FILE,
) -> list[Step]:
    """One step for each definition; raises UnusableDefinitions where a name is no sure mark."""
    by_name: dict[str, list[Any]] = {}
    for one in existing:
        by_name.setdefault(one[kind.noun.name], []).append(one)
    definitions = list(definitions)
    ambiguous = [
        Problem(
            d[kind.noun.name],
            f"is the {kind.noun.name} of {len(same)} {kind.noun.section} on the server; "
            "rename or delete",
        )
        for d in definitions
        if len(same := by_name.get(d[kind.noun.name], [])) > 1
    ]
    if ambiguous:
        raise UnusableDefinitions(f"{file} cannot be applied:", ambiguous)
    return [
        _step(d, next(iter(by_name.get(d[kind.noun.name], [])), None), kind) for d in definitions
    ]


def _step(definition: Definition, existing: Any | None, kind: Kind) -> Step:
    if existing is None:
        return Step("create", definition)
    differences = tuple(_differences(definition, existing, kind))
    if not differences:
        return Step("unchanged", definition, existing[kind.id])
    return Step("change", definition, existing[kind.id], differences)


def _differences(definition: Definition, existing: Any, kind: Kind) -> Iterable[str]:
    for member, default in kind.by_name_or_id.items():
        wanted, has = definition.get(member) or default, existing.get(member)
        if definition.get(f"{member}Id") is not None:
            member = f"{member}Id"
            wanted, has = definition[member], existing.get(member)
        if str(wanted or "").casefold() != str(has or "").casefold():
            yield f"{member}: {_shown(has)} -> {_shown(wanted)}"
    for member, default in kind.defaults.items():
        wanted, has = _given(definition, member, default), _given(existing, member, default)
        if not _same(wanted, has):
            yield f"{member}: {_shown(has)} -> {_shown(wanted)}"
    for member in sorted(set(definition) - kind.members):
        yield f"{member}: is no member of {kind.noun.one}"


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


def show_plan(plan: Iterable[Step], kind: Kind = METRICS_OF_A_FILE) -> None:
    for step in plan:
        typer.echo(f"{step.verb:9}  {step.definition[kind.noun.name]}")
        for difference in step.differences:
            typer.echo(f"           {difference}")


def check(plan: Iterable[Step], client: Client, file: str, kind: Kind = METRICS_OF_A_FILE) -> None:
    """Let the server judge every definition that would be written, before any is.

    Raises UnusableDefinitions with everything that is wrong.
    """
    problems = []
    for step in plan:
        if step.verb == "unchanged":
            continue
        try:
            kind.try_out(client, step.definition)
        except Refused as error:
            if error.status_code not in (400, 422):
                raise
            problems += _named(step.definition[kind.noun.name], error)
    if problems:
        raise UnusableDefinitions(f"{file} cannot be applied:", problems)


def _named(name: str, error: Refused) -> list[Problem]:
    if not error.problems:
        return [Problem(name, error.detail)]
    return [Problem(f"{name}: {p.field}" if p.field else name, p.message) for p in error.problems]


def write(steps: Sequence[Step], client: Client, kind: Kind = METRICS_OF_A_FILE) -> None:
    """Create and replace; raises UnusableDefinitions that says how far it came."""
    for number, step in enumerate(steps):
        try:
            if step.id is None:
                client.post(kind.path, step.definition)
            else:
                client.put(f"{kind.path}/{step.id}", step.definition)
        except Refused as error:
            done = f"{number} of {len(steps)} written, then the server refused one:"
            name = step.definition[kind.noun.name]
            raise UnusableDefinitions(done, _named(name, error)) from error


def apply(
    plan: Sequence[Step], client: Client, file: str, kind: Kind, *, yes: bool, dry_run: bool
) -> None:
    """Check a plan, show it, and write it if that is wanted; raises UnusableDefinitions."""
    check(plan, client, file, kind)
    show_plan(plan, kind)
    changes = [step for step in plan if step.verb != "unchanged"]
    if dry_run or not changes:
        return
    if not yes:
        typer.confirm("Go ahead?", abort=True)
    write(changes, client, kind)
    typer.echo(f"{len(changes)} written.")
