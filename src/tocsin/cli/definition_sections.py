"""The sections of a file of definitions: their paths in the API, their members and references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.cli.routes import (
    ACTIONS,
    ALERTS,
    CHANNELS,
    METRICS,
    ORIGINS,
    RESOURCE_TYPES,
    SILENCES,
    SUBSCRIPTIONS,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A member that names a definition of another section by its key or its name.

    The API has the id in `id_member` instead. `within` is the list whose elements have the member.
    """

    member: str
    section: str
    id_member: str
    is_list: bool = False
    within: str | None = None


@dataclass(frozen=True, slots=True)
class DefinitionSection:
    """One kind of definition.

    `title` is the member with the name, if there is one. `answered` are the members that only
    responses have; a file may have them, so that an exported list can be applied. `defaults` are
    the values that an export leaves out, beside null and empty ones.
    """

    name: str
    noun: str
    path: str
    id: str
    title: str | None
    answered: frozenset[str]
    defaults: Mapping[str, Any]
    references: tuple[Reference, ...] = ()
    has_keys: bool = True

    def name_of(self, definition: Mapping[str, Any]) -> str | None:
        """The name by which a definition is found; mnemonics have no case."""
        name = definition.get(self.title) if self.title else None
        if not isinstance(name, str):
            return None
        return name if self.has_keys else name.casefold()

    def label_of(self, definition: Mapping[str, Any]) -> str | None:
        """The text that names a definition in a plan."""
        name = definition.get(self.title) if self.title else None
        return name if isinstance(name, str) else definition.get("key")


_DATES = ("createdDate", "modifiedDate")


def _section(
    name: str, noun: str, path: str, id: str, title: str | None, *answered: str, **others: Any
) -> DefinitionSection:
    others.setdefault("defaults", {"enabled": True})
    return DefinitionSection(
        name, noun, path, id, title, frozenset((id, *_DATES, *answered)), **others
    )


def _catalog(name: str, noun: str, path: str, id: str) -> DefinitionSection:
    return _section(name, noun, path, id, "mnemonic", "isSystem", defaults={}, has_keys=False)


_ALL = (
    _catalog("resourceTypes", "resource type", RESOURCE_TYPES, "resourceTypeId"),
    _catalog("actions", "action", ACTIONS, "actionId"),
    _catalog("origins", "origin", ORIGINS, "originId"),
    _section(
        *("channels", "channel", CHANNELS, "channelId", "name", "disabledReason", "restingUntil")
    ),
    _section(
        *("metrics", "metric", METRICS, "metricId", "name", "warnings"),
        defaults={"enabled": True, "expose": False, "scale": 1},
    ),
    _section(
        *("alerts", "alert", ALERTS, "alertId", "title"),
        *("health", "healthReason", "evaluatedAt", "elapsedMs"),
        defaults={
            **{"enabled": True, "severity": "warning", "resourceType": "ALERT", "noData": "ok"},
            **{"interval": "1m", "for": "0s", "keepFiringFor": "0s", "evaluationDelay": "0s"},
        },
        references=(
            Reference("metric", "metrics", "metricId"),
            Reference("metric", "metrics", "metricId", within="onlyWhen"),
            Reference("channels", "channels", "channelIds", is_list=True),
        ),
    ),
    _section(
        *("subscriptions", "subscription", SUBSCRIPTIONS, "subscriptionId", None),
        "templateProblem",
        defaults={"enabled": True, "groupBy": "none"},
        references=(Reference("channel", "channels", "channelId"),),
    ),
    _section(
        *("silences", "silence", SILENCES, "silenceId", None, "active", "nextWindows"),
        defaults={"matchAll": False},
        references=(Reference("alert", "alerts", "alertId"),),
    ),
)

SECTIONS = {section.name: section for section in _ALL}
"""In the order in which they refer to each other."""
