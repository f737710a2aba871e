"""Resolves the names of channels in the alerts of a file to ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tocsin.cli.definition_files import Definition, InvalidDefinitions
from tocsin.errors import Problem

_NAMES, _IDS = "channels", "channelIds"


def with_channel_ids(
    definitions: Iterable[Definition], channels: Iterable[Any], file: str
) -> list[Definition]:
    """The definitions with `channelIds` in place of `channels`; raises InvalidDefinitions."""
    names = ChannelNames(channels)
    problems: list[Problem] = []
    resolved = [_resolved(definition, names, problems) for definition in definitions]
    if problems:
        raise InvalidDefinitions(f"{file} cannot be applied:", problems)
    return resolved


def _resolved(alert: Definition, names: ChannelNames, problems: list[Problem]) -> Definition:
    given = alert.get(_NAMES)
    others = {member: value for member, value in alert.items() if member != _NAMES}
    if given is None:
        return others
    place = f"{alert['title']}: {_NAMES}"
    if alert.get(_IDS) is not None:
        problems.append(Problem(place, f"must be left out with {_IDS}"))
    elif not isinstance(given, list):
        problems.append(Problem(place, "must be a list of names of channels"))
    else:
        ids = [names.id_of(name, f"{place}[{n}]", problems) for n, name in enumerate(given)]
        return {**others, _IDS: [id for id in ids if id]}
    return others


class ChannelNames:
    """The ids of channels by name."""

    def __init__(self, channels: Iterable[Any]) -> None:
        self._ids: dict[str, list[str]] = {}
        for channel in channels:
            self._ids.setdefault(channel["name"], []).append(str(channel["channelId"]))

    def id_of(self, name: Any, path: str, problems: list[Problem]) -> str | None:
        """The id of the channel with this name; adds a problem and returns None if there is not
        exactly one."""
        ids = self._ids.get(name, []) if isinstance(name, str) else []
        if len(ids) == 1:
            return ids[0]
        several = f"{len(ids)} channels have the name {name}; give {_IDS}"
        problems.append(Problem(path, several if ids else f"no channel has the name {name}"))
        return None
