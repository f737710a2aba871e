"""The definitions of a file, each with its place, and the problems that are found in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tocsin.cli.definition_files import (
    Definition,
    DefinitionFile,
    InvalidDefinitions,
    read_definition_file,
)
from tocsin.cli.definition_sections import SECTIONS, DefinitionSection
from tocsin.errors import Problem
from tocsin.model.slug import MAX_SLUG, is_slug

SET, TESTS = "set", "tests"
_SLUG_RULE = f"must be 1 to {MAX_SLUG} lower case letters, digits and hyphens"


@dataclass(slots=True)
class DefinitionEntry:
    """A definition of a file: its `members` without those that only responses have.

    `current` is the definition on the server that it replaces; without one `id` is provisional, by
    which other definitions of the file refer to it. `body` is that of the request, with ids in
    place of keys and names. `planned` is the answer of the server: the definition as it would be
    stored. `skipped` are the members with a problem of the file, whose problems on the server are
    consequences.
    """

    section: DefinitionSection
    number: int
    members: Definition
    id: str = field(default_factory=lambda: str(uuid4()))
    current: Mapping[str, Any] | None = None
    body: Definition = field(default_factory=dict)
    planned: Definition = field(default_factory=dict)
    changes_settings: bool = False
    skipped: set[str] = field(default_factory=set)

    @property
    def place(self) -> str:
        return f"{self.section.name}[{self.number}]"

    @property
    def key(self) -> str | None:
        return self.members.get("key")

    @property
    def name(self) -> str | None:
        return self.section.name_of(self.members)

    @property
    def label(self) -> str:
        """The text that names the definition in a plan and in problems."""
        return self.section.label_of(self.members) or self.place

    @property
    def definition(self) -> Definition:
        """The members. An entry of the catalog with only a mnemonic has to exist: it stays as it is
        on the server, or is created with its mnemonic as title."""
        if self.section.has_keys or self.members.keys() != {"mnemonic"}:
            return self.members
        current = self.current or {**self.members, "title": self.members["mnemonic"]}
        return {name: each for name, each in current.items() if name not in self.section.answered}

    def replace(self, current: Mapping[str, Any]) -> None:
        self.current = current
        self.id = str(current[self.section.id])


class FileProblems:
    """Collects the problems of a file, to report them together with their lines."""

    def __init__(self, file: DefinitionFile) -> None:
        self._file = file
        self._problems: list[tuple[int, Problem]] = []

    def add(self, entry: DefinitionEntry, problem: Problem) -> None:
        """Add a problem of a definition."""
        path = f"{entry.place}.{problem.field}" if problem.field else entry.place
        self.add_at(path, problem.message, entry.label, problem.field)

    def add_at(self, path: str, message: str, *shown: str) -> None:
        """Add a problem at a path of the file, which is shown unless other texts are given."""
        line = self._file.line_of(path)
        texts = [f"line {line}"] if line else []
        texts += [text for text in shown or (path,) if text]
        self._problems.append((line or 0, Problem(": ".join(texts), message)))

    def raise_any(self, purpose: str = "applied") -> None:
        """Raises InvalidDefinitions if there are problems."""
        if self._problems:
            ordered = sorted(self._problems, key=lambda each: each[0])
            raise InvalidDefinitions(
                f"{self._file.name} cannot be {purpose}:", [problem for _, problem in ordered]
            )


@dataclass(frozen=True, slots=True)
class Entries:
    """The definitions of a file by section, and the name of their set, if the file has one."""

    set: str | None
    sections: Mapping[str, Sequence[DefinitionEntry]]

    def all(self) -> Iterator[DefinitionEntry]:
        """All definitions, in the order in which they refer to each other."""
        for section in SECTIONS:
            yield from self.sections.get(section, ())

    def of(self, section: str) -> Sequence[DefinitionEntry]:
        return self.sections.get(section, ())


def read_entries(file: DefinitionFile, problems: FileProblems, only: str | None = None) -> Entries:
    """The definitions of a file, or those of `only` one section, which may be the whole file.

    Raises InvalidDefinitions if the file has no sections; adds all other problems.
    """
    content = _sections(file, problems, only)
    name = content.get(SET)
    if name is not None and not (isinstance(name, str) and is_slug(name)):
        problems.add_at(SET, _SLUG_RULE)
        name = None
    sections = {
        section: list(_entries(content[section], SECTIONS[section], problems))
        for section in SECTIONS
        if content.get(section) is not None and only in (None, section)
    }
    entries = Entries(name, sections)
    for section_entries in sections.values():
        _check_names(section_entries, problems)
    if name is not None:
        for entry in entries.all():
            _check_set(entry, name, problems)
    return entries


def read_definitions(path: Path, section: str = "metrics") -> list[Definition]:
    """The definitions of one section of a file; raises InvalidDefinitions."""
    file = read_definition_file(path)
    problems = FileProblems(file)
    entries = read_entries(file, problems, section)
    problems.raise_any()
    return [entry.members for entry in entries.all()]


def _sections(file: DefinitionFile, problems: FileProblems, only: str | None) -> Mapping[str, Any]:
    content = file.content
    if only and isinstance(content, list):
        return {only: content}
    if only and not (isinstance(content, dict) and only in content):
        raise InvalidDefinitions(
            f"{file.name} must be a list of {only}, or have a list under {only}:"
        )
    if not isinstance(content, dict):
        raise InvalidDefinitions(f"{file.name} must have sections, such as metrics: or alerts:")
    for name in content:
        if name not in (SET, *SECTIONS, TESTS):
            known = ", ".join((SET, *SECTIONS, TESTS))
            problems.add_at(str(name), f"is not a section; those are {known}")
    return content


def _entries(
    listed: Any, section: DefinitionSection, problems: FileProblems
) -> Iterator[DefinitionEntry]:
    if not isinstance(listed, list):
        problems.add_at(section.name, "must be a list")
        return
    for number, members in enumerate(listed):
        if isinstance(members, dict):
            given = {name: each for name, each in members.items() if name not in section.answered}
            yield DefinitionEntry(section, number, given)
        else:
            problems.add_at(f"{section.name}[{number}]", "must be an object")


def _check_names(entries: Iterable[DefinitionEntry], problems: FileProblems) -> None:
    """Each definition has a key, or a name, by which it is found again; both are unique."""
    keys: set[str] = set()
    names: set[str] = set()
    for entry in entries:
        key, name, title = entry.members.get("key"), entry.name, entry.section.title
        if key is not None and not (isinstance(key, str) and is_slug(key)):
            problems.add(entry, Problem("key", _SLUG_RULE))
            entry.skipped.add("key")
            entry.members["key"] = None
        elif key in keys:
            problems.add(entry, Problem("key", f"{key} is defined twice"))
        elif key is not None:
            keys.add(key)
        elif title and not (name and len(name) <= 200):
            problems.add(entry, Problem(title, "must be text of 1 to 200 characters"))
            entry.skipped.add(title)
        elif title and name in names:
            problems.add(entry, Problem(title, f"{entry.members[title]} is defined twice"))
        elif name:
            names.add(name)


def _check_set(entry: DefinitionEntry, set: str, problems: FileProblems) -> None:
    """Everything that a file with a set makes has a key and belongs to the set."""
    if not entry.section.has_keys:
        return
    if entry.key is None and "key" not in entry.skipped:
        problems.add(entry, Problem("key", "is required in a file with a set"))
    if entry.members.setdefault("managedBy", set) != set:
        problems.add(entry, Problem("managedBy", f"must be {set}, the set of the file"))
