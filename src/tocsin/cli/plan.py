"""Plans the changes that bring a server in line with a file of definitions.

The server validates the definitions of a file together and answers each as it would be stored,
which is compared with the definition as it is. Making a plan changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import typer

from tocsin.cli.client import Client
from tocsin.cli.definition_differences import DefinitionLabels, differences
from tocsin.cli.definition_entries import DefinitionEntry, Entries, FileProblems, read_entries
from tocsin.cli.definition_files import Definition, DefinitionFile, InvalidDefinitions
from tocsin.cli.definition_references import References
from tocsin.cli.definition_sections import SECTIONS, DefinitionSection
from tocsin.cli.environment_values import EnvironmentValues
from tocsin.cli.pruning import label, reject_used, to_prune
from tocsin.cli.routes import CHECK
from tocsin.cli.server_definitions import Item, ServerDefinitions, match
from tocsin.errors import Problem

_OWNED = ("key", "managedBy")


@dataclass(frozen=True, slots=True)
class PlanStep:
    """The change of one definition; in `body`, that of the request, new definitions have
    provisional ids. `differences` are lines such as `timeWindow: "5m" -> "1h"`."""

    verb: Literal["create", "change", "unchanged", "delete"]
    section: DefinitionSection
    label: str
    id: str
    body: Definition = field(default_factory=dict)
    differences: tuple[str, ...] = ()
    current: Item | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order of their execution; `messages` are for the user."""

    steps: tuple[PlanStep, ...]
    messages: tuple[str, ...]

    @property
    def changes(self) -> list[PlanStep]:
        return [step for step in self.steps if step.verb != "unchanged"]


def make_plan(
    file: DefinitionFile, client: Client, *, only: str | None = None, prune: bool = False
) -> Plan:
    """The plan of a file, or of `only` one of its sections. With `prune` it deletes what a file
    with the same set created. Raises InvalidDefinitions with all problems."""
    problems = FileProblems(file)
    entries = read_entries(file, problems, only)
    if prune and entries.set is None:
        raise InvalidDefinitions(f"{file.name} has no set:, so there is nothing to prune.")
    return _Planner(client, entries, problems).plan(prune=prune)


class _Planner:
    def __init__(self, client: Client, entries: Entries, problems: FileProblems) -> None:
        self._client = client
        self._entries = entries
        self._problems = problems
        self._server = ServerDefinitions(client)
        self._environment = EnvironmentValues(os.environ, problems)
        self._warnings: list[str] = []

    def plan(self, *, prune: bool) -> Plan:
        match(self._entries, self._server, self._problems)
        deleted = to_prune(self._entries, self._server) if prune else []
        references = self._references({item[section.id] for section, item in deleted})
        for entry in self._entries.all():
            self._write_body(entry, references)
        self._check()
        self._problems.raise_any()
        self._match_equal()
        labels = self._labels()
        steps = [_step(entry, labels) for entry in self._entries.all()]
        if prune:
            # A definition that was matched by its content stays.
            deleted = to_prune(self._entries, self._server)
            reject_used(deleted, self._entries, self._server)
        steps += [
            PlanStep("delete", section, label(section, item), item[section.id], current=item)
            for section, item in deleted
        ]
        notes = (f"note       {text}" for text in self._environment.notes)
        return Plan(tuple(steps), (*self._warnings, *notes))

    def _references(self, deleted: set[str]) -> References:
        """The definitions of the file, and those on the server that stay as they are."""
        references = References()
        replaced = {entry.id for entry in self._entries.all()} | deleted
        for entry in self._entries.all():
            references.add(entry.section.name, entry.id, entry.members)
        for section in self._targets():
            for item in self._server.of(section.name):
                if item[section.id] not in replaced:
                    references.add(section.name, item[section.id], item)
        return references

    def _targets(self) -> list[DefinitionSection]:
        """The sections that the sections of the file refer to."""
        sections = [SECTIONS[name] for name in self._entries.sections]
        names = {reference.section for section in sections for reference in section.references}
        return [SECTIONS[name] for name in names]

    def _write_body(self, entry: DefinitionEntry, references: References) -> None:
        unresolved: list[Problem] = []
        entry.body = references.resolved(entry.section, entry.definition, unresolved)
        for problem in unresolved:
            self._problems.add(entry, problem)
            entry.skipped.add(f"{problem.field}Id")
        if entry.section.name == "channels":
            self._environment.fill(entry, entry.body)
        if entry.section.name == "silences" and entry.body.get("from") is None:
            self._begin(entry)
        if entry.current and entry.current.get("managedBy") is None:
            # A person created it, so no file may delete it.
            entry.body.pop("managedBy", None)

    def _begin(self, entry: DefinitionEntry) -> None:
        """A silence without a start begins when it is created."""
        if entry.current:
            entry.body["from"] = entry.current["from"]
        elif entry.key is None:
            self._problems.add(entry, Problem("from", "is required without a key"))

    def _check(self) -> None:
        """Have the server validate all definitions; adds its problems."""
        request = {
            section: [{"id": each.id, "definition": each.body} for each in entries]
            for section, entries in self._entries.sections.items()
        }
        answer = self._client.post(CHECK, request)
        wrong: set[str] = set()
        for section in SECTIONS:
            entries = self._entries.of(section)
            for entry, result in zip(entries, answer[section], strict=True):
                self._take(entry, result, wrong)

    def _take(self, entry: DefinitionEntry, result: Mapping[str, Any], wrong: set[str]) -> None:
        """Take the answer of the server; `wrong` has the sections with problems so far."""
        problems = [Problem(each["field"], each["message"]) for each in result["problems"]]
        for problem in _own(problems, entry, wrong):
            self._problems.add(entry, problem)
        if problems or entry.skipped:
            wrong.add(entry.section.name)
        for warning in result["warnings"]:
            text = f"{entry.label}: {warning['field']} {warning['message']}"
            self._warnings.append(f"warning    {text}")
        entry.planned = result["definition"] or {}
        entry.changes_settings = result["changesSettings"]

    def _match_equal(self) -> None:
        """Find the definitions that have no name, and no key on the server, by their content."""
        for section, entries in self._entries.sections.items():
            if SECTIONS[section].title is not None:
                continue
            taken = {entry.id for entry in entries}
            items = [item for item in self._server.of(section) if item.get("key") is None]
            for entry in entries:
                equal = (
                    item
                    for item in items
                    if item[entry.section.id] not in taken and _is_equal(entry, item)
                )
                if entry.current is None and (item := next(equal, None)):
                    _replace_equal(entry, item)
                    taken.add(entry.id)

    def _labels(self) -> DefinitionLabels:
        labels = {
            item[section.id]: item.get("key") or label(section, item)
            for section in self._targets()
            for item in self._server.of(section.name)
        }
        return labels | {entry.id: entry.key or entry.label for entry in self._entries.all()}


def _own(problems: Iterable[Problem], entry: DefinitionEntry, wrong: set[str]) -> Iterator[Problem]:
    """The problems of an entry that do not follow from another problem of the file."""
    for problem in problems:
        refers_to_wrong = any(
            reference.id_member in problem.field and reference.section in wrong
            for reference in entry.section.references
        )
        if problem.field not in entry.skipped and not refers_to_wrong:
            yield problem


def _is_equal(entry: DefinitionEntry, item: Item) -> bool:
    """Whether a definition is the one of the server, apart from its key and its set."""
    current, planned = (
        {name: each for name, each in definition.items() if name not in _OWNED}
        for definition in (item, entry.planned)
    )
    return not differences(entry.section, current, planned, {})


def _replace_equal(entry: DefinitionEntry, item: Item) -> None:
    entry.replace(item)
    entry.planned = {**entry.planned, "managedBy": item.get("managedBy")}
    if item.get("managedBy") is None:
        entry.body.pop("managedBy", None)


def _step(entry: DefinitionEntry, labels: DefinitionLabels) -> PlanStep:
    section, body, current = entry.section, entry.body, entry.current
    if current is None:
        return PlanStep("create", section, entry.label, entry.id, body)
    lines = differences(section, current, entry.planned, labels)
    if entry.changes_settings and not any(line.startswith("settings") for line in lines):
        lines.append("settings: a secret differs")
    verb: Literal["change", "unchanged"] = "change" if lines else "unchanged"
    return PlanStep(verb, section, entry.label, entry.id, body, tuple(lines), current)


def show_plan(plan: Plan, *, with_kinds: bool) -> None:
    """Print the steps, and the messages to standard error."""
    for message in plan.messages:
        typer.echo(message, err=True)
    for step in plan.steps:
        kind = f"{step.section.noun} " if with_kinds else ""
        typer.echo(f"{step.verb:9}  {kind}{step.label}")
        for difference in step.differences:
            typer.echo(f"           {difference}")
