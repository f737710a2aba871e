"""Writes the changes of a plan. A plan that breaks off can be made and written again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tocsin.cli.client import Client, RejectedByServer
from tocsin.cli.definition_files import InvalidDefinitions
from tocsin.cli.definition_sections import DefinitionSection
from tocsin.cli.plan import PlanStep
from tocsin.cli.server_definitions import list_all
from tocsin.errors import Problem

# The current state of another definition may be the reason, which a later step changes.
_MAY_SUCCEED_LATER = (409, 422)


def write(steps: Sequence[PlanStep], client: Client) -> None:
    """Create, replace and delete definitions; raises InvalidDefinitions with the number written.

    A change that the server rejects is tried again after the others: a metric may need the change
    of its alert first. Nothing is deleted before everything else is written.
    """
    _reject_changed(steps, client)
    ids: dict[str, str] = {}
    written = 0
    for part in _parts(steps):
        waiting = list(part)
        while waiting:
            rejected = [
                (step, error) for step in waiting if (error := _rejection(step, client, ids))
            ]
            written += len(waiting) - len(rejected)
            if len(rejected) == len(waiting):
                raise _incomplete(written, len(steps), rejected)
            waiting = [step for step, _ in rejected]


def _parts(steps: Sequence[PlanStep]) -> Iterable[Sequence[PlanStep]]:
    """The steps that are written, and those that delete."""
    yield [step for step in steps if step.verb != "delete"]
    yield [step for step in steps if step.verb == "delete"]


def _rejection(step: PlanStep, client: Client, ids: dict[str, str]) -> RejectedByServer | None:
    """Execute a step; returns the error if the server rejects it. `ids` has the ids of created
    definitions by their provisional ids."""
    section = step.section
    try:
        if step.verb == "create":
            ids[step.id] = client.post(section.path, _with_ids(step.body, ids))[section.id]
        elif step.verb == "change":
            client.put(f"{section.path}/{step.id}", _with_ids(step.body, ids))
        else:
            client.delete(f"{section.path}/{step.id}")
    except RejectedByServer as error:
        if error.status_code not in _MAY_SUCCEED_LATER:
            raise
        return error
    return None


def _with_ids(value: Any, ids: dict[str, str]) -> Any:
    """The value with the ids of created definitions in place of their provisional ids."""
    if isinstance(value, dict):
        return {name: _with_ids(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_ids(each, ids) for each in value]
    return ids.get(value, value) if isinstance(value, str) else value


def _incomplete(
    written: int, total: int, rejected: Iterable[tuple[PlanStep, RejectedByServer]]
) -> InvalidDefinitions:
    problems = [
        Problem(": ".join(filter(None, (step.label, problem.field))), problem.message)
        for step, error in rejected
        for problem in error.problems or [Problem("", error.detail)]
    ]
    return InvalidDefinitions(f"{written} of {total} written, the server rejected:", problems)


def _identity(section: DefinitionSection, definition: Mapping[str, Any]) -> tuple[str, str] | None:
    """The key of a definition, or else its name."""
    if key := definition.get("key"):
        return "key", key
    name = section.name_of(definition)
    return ("name", name) if name else None


def _reject_changed(steps: Sequence[PlanStep], client: Client) -> None:
    """Raises InvalidDefinitions if a definition has changed since the plan was made."""
    problems = []
    for section in dict.fromkeys(step.section.name for step in steps):
        of_section = [step for step in steps if step.section.name == section]
        kind = of_section[0].section
        items = list_all(client, kind)
        dates = {item[kind.id]: item["modifiedDate"] for item in items}
        known = {_identity(kind, item) for item in items} - {None}
        for step in of_section:
            is_same = (
                dates.get(step.id) == step.current["modifiedDate"]
                if step.current
                else _identity(kind, step.body) not in known
            )
            if not is_same:
                problems.append(Problem(step.label, "was changed since the plan was made"))
    if problems:
        raise InvalidDefinitions("Nothing was written. Make the plan again:", problems)
