"""Values of a file that are read from the environment: `env:NAME` in the settings of a channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tocsin.cli.definition_entries import DefinitionEntry, FileProblems
from tocsin.cli.definition_files import Definition
from tocsin.errors import Problem
from tocsin.model.notifications.kept_secrets import MASK

PREFIX = "env:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRETS = {"secret", "webhookUrl", "routingKey"}


def is_secret(kind: Any, member: str) -> bool:
    """Whether a member of the settings of a channel is a secret by itself."""
    return member in _SECRETS or (kind == "apprise" and member == "url")


class EnvironmentValues:
    """Fills the settings of channels from the environment.

    A variable that is not set keeps the value of the channel on the server, if there is one, so
    that a plan can be made without the secrets.
    """

    def __init__(self, variables: Mapping[str, str], problems: FileProblems) -> None:
        self._variables = variables
        self._problems = problems
        self.notes: list[str] = []

    def fill(self, entry: DefinitionEntry, body: Definition) -> None:
        """Replace the settings of a channel; adds the problems."""
        settings = body.get("settings")
        if not isinstance(settings, dict):
            return
        for member, value in settings.items():
            if is_secret(body.get("kind"), member) and _is_plain(value):
                text = f"must be {PREFIX}NAME: the file must not contain a secret"
                self._add(entry, f"settings.{member}", text)
        current = entry.current.get("settings") if entry.current else None
        body["settings"] = self._filled(entry, settings, current, "settings")
        if entry.current is None and body.get("kind") == "webhook" and not settings.get("secret"):
            text = f"secret: {PREFIX}NAME chooses the signing secret; the server generates one"
            self.notes.append(f"{entry.label}: {text}")

    def _filled(self, entry: DefinitionEntry, value: Any, current: Any, path: str) -> Any:
        if isinstance(value, dict):
            known = current if isinstance(current, dict) else {}
            return {
                name: self._filled(entry, each, known.get(name), f"{path}.{name}")
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [
                self._filled(entry, each, None, f"{path}[{number}]")
                for number, each in enumerate(value)
            ]
        if isinstance(value, str) and value.startswith(PREFIX):
            return self._value(entry, value.removeprefix(PREFIX), current, path)
        return value

    def _value(self, entry: DefinitionEntry, name: str, current: Any, path: str) -> Any:
        if not _NAME.fullmatch(name):
            self._add(entry, path, f"must be {PREFIX} and the name of a variable")
        elif value := self._variables.get(name):
            return value
        elif isinstance(current, str):
            self.notes.append(f"{entry.label}: {path} stays, because {name} is not set")
            return current
        else:
            self._add(entry, path, f"requires the environment variable {name}, which is not set")
        return PREFIX + name

    def _add(self, entry: DefinitionEntry, path: str, message: str) -> None:
        self._problems.add(entry, Problem(path, message))
        entry.skipped.add(path)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and value != MASK and not value.startswith(PREFIX)
