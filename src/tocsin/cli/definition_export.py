"""Writes the definitions of a server as a file whose plan is empty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tocsin.cli.definition_differences import written
from tocsin.cli.definition_entries import SET
from tocsin.cli.definition_files import Definition, InvalidDefinitions
from tocsin.cli.definition_references import References
from tocsin.cli.definition_sections import SECTIONS, DefinitionSection
from tocsin.cli.environment_values import PREFIX
from tocsin.cli.server_definitions import Item, ServerDefinitions
from tocsin.errors import Problem
from tocsin.model.notifications.kept_secrets import MASK, masked_url
from tocsin.model.yaml_text import write_yaml

_CATALOG_MEMBERS = {
    "resourceTypes": ("resourceType",),
    "actions": ("action", "alertAction", "recoveryAction"),
    "origins": ("origin",),
}
_SIDES = ("numerator", "denominator")
# The members whose own members may be left out if they are null.
_OBJECTS = (*_SIDES, "template", "compare", "recurs")
_WITHOUT_VALUE = ("exists", "not_exists")


class DefinitionExport:
    """The definitions of a server, or those of one set.

    `variables` are the environment variables that the file refers to, each with its place.
    """

    def __init__(self, server: ServerDefinitions, set: str | None) -> None:
        self._server = server
        self._set = set
        self._problems: list[Problem] = []
        self._labels: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.notes: list[str] = []

    def text(self) -> str:
        """The file; raises InvalidDefinitions for definitions that a file cannot identify."""
        for section in SECTIONS.values():
            if section.has_keys and section.title is not None:
                self._label(section)
        content: dict[str, Any] = {SET: self._set} if self._set else {}
        chosen = {name: list(self._chosen(section)) for name, section in SECTIONS.items()}
        named = _mnemonics(item for items in chosen.values() for item in items)
        for name, section in SECTIONS.items():
            items = chosen[name]
            if not section.has_keys and self._set:
                items = [item for item in items if item["mnemonic"] in named[name]]
            if items:
                content[name] = [self._definition(section, item) for item in items]
        if self._problems:
            raise InvalidDefinitions("These cannot be written to a file:", self._problems)
        return self._heading() + (write_yaml(content) if content else "{}\n")

    def _label(self, section: DefinitionSection) -> None:
        """Find the key or the name by which a file refers to each definition of a section."""
        references, items = References(), self._server.of(section.name)
        for item in items:
            references.add(section.name, item[section.id], item)
        for item in items:
            text = item.get("key") or section.name_of(item) or ""
            if item.get("key") or len(references.ids_of(section.name, text)) == 1:
                self._labels[item[section.id]] = text
            if references.ids_of(section.name, text) != [item[section.id]] and self._has(item):
                reason = f"shares this {section.title} with another one: rename it or give it a key"
                self._problems.append(Problem(f"{section.noun} {text}", reason))

    def _has(self, item: Item) -> bool:
        return self._set is None or item.get("managedBy") == self._set

    def _chosen(self, section: DefinitionSection) -> Iterator[Item]:
        for item in self._server.of(section.name):
            if not section.has_keys:
                if not item["isSystem"]:
                    yield item
            elif self._has(item) and not (section.name == "silences" and self._is_over(item)):
                yield item

    def _is_over(self, silence: Item) -> bool:
        """Whether a silence has no effect any more."""
        if not silence["nextWindows"]:
            return True
        alerts = {alert["alertId"] for alert in self._server.of("alerts")}
        if silence["alertId"] in {None, *alerts}:
            return False
        self.notes.append(f"silence {silence['silenceId']} is left out: its alert was deleted")
        return True

    def _definition(self, section: DefinitionSection, item: Item) -> Definition:
        plain = written(section, item, self._labels)
        if section.name == "channels":
            plain["settings"] = self._settings(section, item)
        if self._set:
            plain.pop("managedBy", None)
        given = {name: _compact(name, each) for name, each in plain.items()}
        kept = {name: each for name, each in given.items() if not _is_default(section, name, each)}
        first = [name for name in ("key", section.title) if name in kept]
        return {name: kept[name] for name in dict.fromkeys((*first, *kept)) if name}

    def _settings(self, section: DefinitionSection, channel: Item) -> Definition:
        """The settings of a channel with a variable for each secret. The URL of a webhook is one
        if it has a path: many receivers have no other secret."""
        label = self._labels.get(channel[section.id], "")

        def hidden(value: Any, path: tuple[str, ...]) -> Any:
            if isinstance(value, dict):
                return {name: hidden(each, (*path, name)) for name, each in value.items()}
            is_url = channel["kind"] == "webhook" and path == ("url",)
            if value == MASK or (is_url and masked_url(value) != value):
                return PREFIX + self._variable(label, path)
            return value

        settings: Definition = hidden(channel["settings"], ())
        return {name: value for name, value in settings.items() if value not in (None, {})}

    def _variable(self, label: str, path: tuple[str, ...]) -> str:
        words = re.sub(r"([a-z])([A-Z])", r"\1_\2", "_".join((label, *path)))
        name = re.sub(r"[^A-Z0-9]+", "_", words.upper()).strip("_")
        name = name if name[:1].isalpha() else f"CHANNEL_{name}"
        number = 2
        unique = name
        while unique in self.variables:
            unique, number = f"{name}_{number}", number + 1
        self.variables[unique] = f"settings.{'.'.join(path)} of the channel {label!a}"
        return unique

    def _heading(self) -> str:
        if not self.variables:
            return ""
        lines = [f"#   {name}: {place}" for name, place in self.variables.items()]
        return "\n".join(["# Variables to set where a channel does not exist yet:", *lines, ""])


def _mnemonics(items: Iterable[Item]) -> dict[str, set[str]]:
    """The mnemonics that definitions name, by section of the catalog."""
    named: dict[str, set[str]] = {section: set() for section in _CATALOG_MEMBERS}
    for item in items:
        for scoped in (item, *(item.get(side) or {} for side in _SIDES)):
            for section, members in _CATALOG_MEMBERS.items():
                named[section].update(scoped[each] for each in members if scoped.get(each))
    return named


def _compact(name: str, value: Any) -> Any:
    """The value without the members that are null."""
    if name == "filters" and isinstance(value, list):
        return [_filter(each) for each in value]
    if name in _OBJECTS and isinstance(value, dict):
        members = {member: _compact(member, each) for member, each in value.items()}
        return {member: each for member, each in members.items() if each not in (None, [])}
    return value


def _filter(tree: Mapping[str, Any]) -> dict[str, Any]:
    if tree.get("operator") in _WITHOUT_VALUE:
        return {name: each for name, each in tree.items() if name != "value"}
    return {
        name: [_filter(each) for each in value]
        if name in ("any", "all")
        else _filter(value)
        if name == "not"
        else value
        for name, value in tree.items()
    }


def _is_default(section: DefinitionSection, name: str, value: Any) -> bool:
    if value is None or value == {}:
        return True
    if value == []:
        # A subscription without group keys has one bundle for everything.
        return not (section.name == "subscriptions" and name == "groupBy")
    default = section.defaults.get(name)
    return isinstance(value, bool) is isinstance(default, bool) and bool(value == default)
