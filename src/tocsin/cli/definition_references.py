"""Resolves the keys and names of definitions in a file to ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tocsin.cli.definition_files import Definition
from tocsin.cli.definition_sections import SECTIONS, DefinitionSection, Reference
from tocsin.errors import Problem


class References:
    """The ids of definitions by section and key, and by section and name."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], str] = {}
        self._names: dict[tuple[str, str], list[str]] = {}

    def add(self, section: str, id: str, definition: Mapping[str, Any]) -> None:
        """Make a definition known by its key and by its name."""
        key, name = definition.get("key"), SECTIONS[section].name_of(definition)
        if isinstance(key, str):
            self._keys[section, key] = id
        if name is not None:
            self._names.setdefault((section, name), []).append(id)

    def ids_of(self, section: str, text: Any) -> list[str]:
        """The id of the definition with this key, or those of the definitions with this name."""
        if not isinstance(text, str):
            return []
        id = self._keys.get((section, text))
        return [id] if id else self._names.get((section, text), [])

    def resolved(
        self, section: DefinitionSection, definition: Mapping[str, Any], problems: list[Problem]
    ) -> Definition:
        """The definition with ids in place of keys and names; adds the problems."""
        body = dict(definition)
        for reference in section.references:
            within, listed = reference.within, body.get(reference.within or "")
            if within is None:
                body = self._replaced(reference, body, "", problems)
            elif isinstance(listed, list):
                body[within] = [
                    self._replaced(reference, each, f"{within}[{number}].", problems)
                    if isinstance(each, dict)
                    else each
                    for number, each in enumerate(listed)
                ]
        return body

    def _replaced(
        self, reference: Reference, given: Definition, prefix: str, problems: list[Problem]
    ) -> Definition:
        others = {name: value for name, value in given.items() if name != reference.member}
        value = given.get(reference.member)
        if value is None:
            return others
        resolved = list(self._resolutions(reference, given, value))
        problems += [Problem(f"{prefix}{place}", text) for place, _, text in resolved if text]
        ids = [id for _, id, _ in resolved if id]
        if reference.is_list:
            return {**others, reference.id_member: ids}
        return {**others, reference.id_member: ids[0]} if ids else others

    def _resolutions(
        self, reference: Reference, given: Definition, value: Any
    ) -> Iterator[tuple[str, str | None, str | None]]:
        """For each text of the member its path, and either the id or the problem."""
        member = reference.member
        if given.get(reference.id_member) is not None:
            yield member, None, f"must be left out with {reference.id_member}"
        elif not reference.is_list:
            yield member, *self._one(reference.section, value)
        elif isinstance(value, list):
            for number, each in enumerate(value):
                yield f"{member}[{number}]", *self._one(reference.section, each)
        else:
            yield member, None, f"must be a list of keys or names of {reference.section}"

    def _one(self, section: str, text: Any) -> tuple[str | None, str | None]:
        ids, noun = self.ids_of(section, text), SECTIONS[section].noun
        if len(ids) == 1:
            return ids[0], None
        if ids:
            return None, f"{len(ids)} {section} have the name {text}; refer to one by its key"
        return None, f"no {noun} has the key or the name {text}"


def references_to(section: str, items: Iterable[Mapping[str, Any]]) -> References:
    """References to the definitions of one section, as the API answers them."""
    references = References()
    for item in items:
        references.add(section, str(item[SECTIONS[section].id]), item)
    return references
