"""The definitions that `--prune` deletes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tocsin.cli.definition_entries import Entries
from tocsin.cli.definition_files import InvalidDefinitions
from tocsin.cli.definition_sections import SECTIONS, DefinitionSection
from tocsin.cli.server_definitions import Item, ServerDefinitions
from tocsin.errors import Problem

Sectioned = tuple[DefinitionSection, Item]


def to_prune(entries: Entries, server: ServerDefinitions) -> list[Sectioned]:
    """The definitions that a file with this set created, and that the file no longer has; those
    that refer to others come first."""
    kept = {entry.id for entry in entries.all()}
    return [
        (section, item)
        for section in reversed(SECTIONS.values())
        if section.has_keys
        for item in server.of(section.name)
        if item.get("managedBy") == entries.set and item[section.id] not in kept
    ]


def reject_used(deleted: Sequence[Sectioned], entries: Entries, server: ServerDefinitions) -> None:
    """Raises InvalidDefinitions if a definition that stays refers to one that is to be deleted.
    Silences stay when their alert is deleted."""
    nouns = {
        item[section.id]: f"{section.noun} {label(section, item)}" for section, item in deleted
    }
    problems = [
        Problem(nouns[id], f"the {section.noun} {label(section, item)} still uses it")
        for section, item in _remaining(nouns, entries, server)
        for id in dict.fromkeys(_ids_in(section, item))
        if id in nouns and section.name != "silences"
    ]
    if problems:
        raise InvalidDefinitions("--prune cannot delete a definition that is in use:", problems)


def _remaining(
    deleted: Iterable[str], entries: Entries, server: ServerDefinitions
) -> Iterator[Sectioned]:
    """The definitions that refer to others, as the plan leaves them."""
    replaced = {*deleted, *(entry.id for entry in entries.all())}
    for section in SECTIONS.values() if deleted else ():
        for item in server.of(section.name) if section.references else ():
            if item[section.id] not in replaced:
                yield section, item
    for entry in entries.all():
        yield entry.section, entry.planned


def label(section: DefinitionSection, item: Item) -> str:
    """The text that names a definition of the server in a plan."""
    return section.label_of(item) or f"{section.noun} {item[section.id]}"


def _ids_in(section: DefinitionSection, item: Item) -> Iterator[str]:
    for reference in section.references:
        for each in [item] if reference.within is None else item.get(reference.within) or ():
            value = each.get(reference.id_member)
            yield from value if isinstance(value, list) else [str(value)]
