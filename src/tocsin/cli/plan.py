"""Plans and applies the changes that bring a server's metrics or alerts in line with a file.

Making a plan changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import typer

from tocsin.cli.client import Client, RejectedByServer
from tocsin.cli.definition_files import (
    ALERT,
    METRIC,
    Definition,
    DefinitionNoun,
    InvalidDefinitions,
)
from tocsin.cli.routes import ALERTS, METRICS
from tocsin.errors import Problem


@dataclass(frozen=True, slots=True)
class DefinitionKind:
    """Metrics or alerts: their path in the API, and their members with the defaults.

    Members in `by_name_or_id` are given by a name or an id; if both are given, the id is used.
    `dry_run` has the server validate a definition.
    """

    noun: DefinitionNoun
    path: str
    id: str
    defaults: Mapping[str, Any]
    by_name_or_id: Mapping[str, str | None]
    dry_run: Callable[[Client, Definition], Any]
    has_sides: bool = False

    @property
    def members(self) -> set[str]:
        ids = {f"{member}Id" for member in self.by_name_or_id}
        sides = _SIDES if self.has_sides else ()
        return {self.noun.name, *self.defaults, *self.by_name_or_id, *ids, *sides}


# No interaction is older, so a calculation at this time reads nothing.
_LONG_AGO, _SOON_AFTER = "1980-01-01T00:00:00.000Z", "1980-01-01T00:00:10.000Z"

_SIDES = ("numerator", "denominator")
_SIDE_DEFAULTS: Mapping[str, Any] = {"field": None, "filters": []}
_MEASURED = dict.fromkeys(("metricType", "resourceType", "action", "origin"))

METRIC_KIND = DefinitionKind(
    METRIC,
    METRICS,
    "metricId",
    {
        "description": None,
        "field": None,
        "filters": [],
        "timeWindow": None,
        "timezone": None,
        "rateUnit": None,
        "unit": None,
        "groupBy": [],
        "percentile": None,
        "scale": 1,
        "minimumDenominator": None,
        "compare": None,
        "enabled": True,
        "expose": False,
    },
    _MEASURED,
    lambda client, definition: client.post(f"{METRICS}/preview", definition, at=_LONG_AGO, limit=1),
    has_sides=True,
)
ALERT_KIND = DefinitionKind(
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
        "onlyWhen": [],
        "channelIds": [],
    },
    {"alertAction": None, "recoveryAction": None, "resourceType": "ALERT"},
    lambda client, definition: client.post(
        f"{ALERTS}/backtest",
        {"alert": definition, "from": _LONG_AGO, "to": _SOON_AFTER, "step": "10s"},
    ),
)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """The change of one definition; `differences` are lines such as `timeWindow: 5m -> 1h`."""

    verb: Literal["create", "change", "unchanged"]
    definition: Definition
    id: str | None = None
    differences: tuple[str, ...] = ()


def make_plan(
    definitions: Iterable[Definition],
    existing: Sequence[Any],
    file: str,
    kind: DefinitionKind = METRIC_KIND,
) -> list[PlanStep]:
    """One step for each definition; raises InvalidDefinitions if a name is ambiguous."""
    by_name: dict[str, list[Any]] = {}
    for definition in existing:
        by_name.setdefault(definition[kind.noun.name], []).append(definition)
    definitions = list(definitions)
    ambiguous = [
        Problem(
            d[kind.noun.name],
            f"is the {kind.noun.name} of {len(same)} {kind.noun.section} on the server; "
            "rename or delete all but one",
        )
        for d in definitions
        if len(same := by_name.get(d[kind.noun.name], [])) > 1
    ]
    if ambiguous:
        raise InvalidDefinitions(f"{file} cannot be applied:", ambiguous)
    return [
        _step(d, next(iter(by_name.get(d[kind.noun.name], [])), None), kind) for d in definitions
    ]


def _step(definition: Definition, existing: Any | None, kind: DefinitionKind) -> PlanStep:
    if existing is None:
        return PlanStep("create", definition)
    differences = tuple(_differences(definition, existing, kind))
    if not differences:
        return PlanStep("unchanged", definition, existing[kind.id])
    return PlanStep("change", definition, existing[kind.id], differences)


def _differences(definition: Definition, existing: Any, kind: DefinitionKind) -> Iterable[str]:
    yield from _of_members(definition, existing, kind.by_name_or_id, kind.defaults)
    for side in _SIDES if kind.has_sides else ():
        desired, current = definition.get(side), existing.get(side)
        if isinstance(desired, dict) and isinstance(current, dict):
            members = _of_members(desired, current, _MEASURED, _SIDE_DEFAULTS)
            yield from (f"{side}.{difference}" for difference in members)
            unknown = set(desired) - {*current, *_MEASURED}
            yield from (f"{side}.{name}: is not a member of a side" for name in sorted(unknown))
        elif desired is not None or current is not None:
            yield f"{side}: {_shown(current)} -> {_shown(desired)}"
    for member in sorted(set(definition) - kind.members):
        yield f"{member}: is not a member of {kind.noun.singular}"


def _of_members(
    definition: Definition,
    existing: Any,
    by_name_or_id: Mapping[str, str | None],
    defaults: Mapping[str, Any],
) -> Iterable[str]:
    for member, default in by_name_or_id.items():
        desired, current = definition.get(member) or default, existing.get(member)
        if definition.get(f"{member}Id") is not None:
            member = f"{member}Id"
            desired, current = definition[member], existing.get(member)
        if str(desired or "").casefold() != str(current or "").casefold():
            yield f"{member}: {_shown(current)} -> {_shown(desired)}"
    for member, default in defaults.items():
        desired = _given(definition, member, default)
        current = _given(existing, member, default)
        if not _same(desired, current):
            yield f"{member}: {_shown(current)} -> {_shown(desired)}"


def _given(metric: Any, member: str, default: Any) -> Any:
    value = metric.get(member)
    return default if value is None else value


def _same(value: Any, other: Any) -> bool:
    """Whether values are equal as JSON: 3 is 3.0, 1 is not true, and a missing member is null."""
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_same, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return all(_same(value.get(key), other.get(key)) for key in value.keys() | other.keys())
    return isinstance(value, bool) is isinstance(other, bool) and bool(value == other)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def show_plan(plan: Iterable[PlanStep], kind: DefinitionKind = METRIC_KIND) -> None:
    for step in plan:
        typer.echo(f"{step.verb:9}  {step.definition[kind.noun.name]}")
        for difference in step.differences:
            typer.echo(f"           {difference}")


def check(
    plan: Iterable[PlanStep], client: Client, file: str, kind: DefinitionKind = METRIC_KIND
) -> None:
    """Have the server validate every definition before the first one is written, and print its
    warnings.

    Raises InvalidDefinitions with all problems.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    for step in plan:
        if step.verb == "unchanged":
            continue
        try:
            answer = kind.dry_run(client, step.definition)
            warnings += _warnings(step.definition[kind.noun.name], answer)
        except RejectedByServer as error:
            if error.status_code not in (400, 422):
                raise
            problems += _named(step.definition[kind.noun.name], error)
    if problems:
        raise InvalidDefinitions(f"{file} cannot be applied:", problems)
    for warning in warnings:
        typer.echo(warning, err=True)


def _warnings(name: str, answer: Any) -> list[str]:
    """The warnings in the answer to a definition, such as a field that has never occurred."""
    return [
        f"warning    {name}: {warning['field']} {warning['message']}"
        for warning in answer.get("warnings", ())
    ]


def _named(name: str, error: RejectedByServer) -> list[Problem]:
    if not error.problems:
        return [Problem(name, error.detail)]
    return [Problem(f"{name}: {p.field}" if p.field else name, p.message) for p in error.problems]


def write(steps: Sequence[PlanStep], client: Client, kind: DefinitionKind = METRIC_KIND) -> None:
    """Create and replace definitions; raises InvalidDefinitions with the number written."""
    for number, step in enumerate(steps):
        try:
            if step.id is None:
                client.post(kind.path, step.definition)
            else:
                client.put(f"{kind.path}/{step.id}", step.definition)
        except RejectedByServer as error:
            done = f"{number} of {len(steps)} written, then the server rejected one:"
            name = step.definition[kind.noun.name]
            raise InvalidDefinitions(done, _named(name, error)) from error


def apply(
    plan: Sequence[PlanStep],
    client: Client,
    file: str,
    kind: DefinitionKind,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    """Validate a plan, show it, and write it after confirmation; raises InvalidDefinitions."""
    check(plan, client, file, kind)
    show_plan(plan, kind)
    changes = [step for step in plan if step.verb != "unchanged"]
    if dry_run or not changes:
        return
    if not yes:
        typer.confirm("Apply these changes?", abort=True)
    write(changes, client, kind)
    typer.echo(f"{len(changes)} written.")
