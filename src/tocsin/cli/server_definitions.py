"""The definitions of a server, and which of them the definitions of a file replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.cli.client import Client
from tocsin.cli.definition_entries import DefinitionEntry, Entries, FileProblems
from tocsin.cli.definition_sections import SECTIONS, DefinitionSection
from tocsin.errors import Problem

Item = Mapping[str, Any]
_PAGE = 10_000


class ServerDefinitions:
    """Lists the definitions of each section once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._items: dict[str, Sequence[Item]] = {}

    def of(self, section: str) -> Sequence[Item]:
        if section not in self._items:
            self._items[section] = list_all(self._client, SECTIONS[section])
        return self._items[section]


def list_all(client: Client, section: DefinitionSection) -> list[Item]:
    """All definitions of a section; the catalog is listed in pages."""
    if section.has_keys:
        return list(client.get(section.path))
    items: list[Item] = []
    while True:
        after = items[-1]["mnemonic"] if items else None
        page = client.get(section.path, limit=_PAGE, **{"from": after})
        items += page[1:] if items else page
        if len(page) < _PAGE:
            return items


def match(entries: Entries, server: ServerDefinitions, problems: FileProblems) -> None:
    """Find the definition that each one of the file replaces: by its key, or else by its name.

    A definition that has a key in the file and none on the server is found by its name, too, and
    gets the key. Definitions of another set are not replaced.
    """
    for section, listed in entries.sections.items():
        _match_section(listed, server.of(section), problems)
        for entry in listed:
            _check_owner(entry, problems)


def _match_section(
    entries: Sequence[DefinitionEntry], items: Sequence[Item], problems: FileProblems
) -> None:
    by_key = {item["key"]: item for item in items if item.get("key") is not None}
    for entry in entries:
        if entry.key in by_key:
            entry.replace(by_key[entry.key])
    taken = {entry.id for entry in entries if entry.current}
    for entry in entries:
        section, name = entry.section, entry.name
        if entry.current is None and name is not None:
            same = [each for each in items if section.name_of(each) == name]
            free = [each for each in same if each[section.id] not in taken]
            _match_name(entry, free, problems)


def _match_name(entry: DefinitionEntry, same: Sequence[Item], problems: FileProblems) -> None:
    keyless = [item for item in same if item.get("key") is None]
    if entry.key is not None or len(keyless) == 1:
        # A definition with another key is another definition.
        same = keyless
    if len(same) == 1:
        entry.replace(same[0])
    elif same:
        title, section = entry.section.title or "", entry.section.name
        text = f"is the {title} of {len(same)} {section} on the server; rename all but one"
        problems.add(entry, Problem(title, f"{text}, or give one a key"))
        entry.skipped.add(title)


def _check_owner(entry: DefinitionEntry, problems: FileProblems) -> None:
    owner = entry.current.get("managedBy") if entry.current else None
    if owner is not None and entry.members.get("managedBy") != owner:
        member = "key" if entry.key is not None else entry.section.title or "key"
        problems.add(entry, Problem(member, f"belongs to the set {owner} of another file"))
