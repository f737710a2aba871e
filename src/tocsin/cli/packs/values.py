"""The kinds of parameters that a pack has, and the values that each kind accepts."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from tocsin.model.duration import Duration
from tocsin.model.interactions.catalog import MNEMONIC, MNEMONIC_RULE
from tocsin.model.interactions.field import PAYLOAD, Column, Field
from tocsin.model.metrics.window import Window
from tocsin.model.zones import zone

ParameterValue = str | int | float | Duration | tuple[str, ...]

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,6})?")
_COUNT = re.compile(r"[1-9]\d{0,5}")
_MAX_UNIT = 16
_MAX_TEXT = 100


class ParameterKind(StrEnum):
    """The values that a parameter accepts; the first three are kinds of the catalog."""

    RESOURCE_TYPE = "resourceType"
    ACTION = "action"
    ORIGIN = "origin"
    FIELD = "field"
    NUMBER = "number"
    COUNT = "count"
    WINDOW = "window"
    WAIT = "wait"
    UNIT = "unit"
    TIMEZONE = "timezone"
    CHANNELS = "channels"

    @property
    def is_mnemonic(self) -> bool:
        return self in (self.RESOURCE_TYPE, self.ACTION, self.ORIGIN)

    def read(self, text: str) -> ParameterValue:
        """The value that a text gives; the message of ValueError describes a valid one."""
        return _READERS[self](text)


def _mnemonic(text: str) -> str:
    if not re.fullmatch(MNEMONIC, text):
        raise ValueError(MNEMONIC_RULE)
    return text


def _field(text: str) -> str:
    """A field; `country` alone is the key of the payload."""
    is_spelled = text in set(Column) or text.startswith(f"{PAYLOAD}.")
    spelling = text if is_spelled else f"{PAYLOAD}.{text}"
    if not spelling.isprintable() or len(spelling) > _MAX_TEXT:
        raise ValueError(f"must be at most {_MAX_TEXT} printable characters")
    return Field(spelling).spelling


def _number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number with at most 6 decimals, such as 30 or 0.1")
    return float(text) if "." in text else int(text)


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise ValueError("must be a whole number from 1 to 999999, such as 50")
    return int(text)


def _wait(text: str) -> Duration:
    wait = Duration.parse(text)
    if wait.length.total_seconds() % 60:
        raise ValueError("must be whole minutes, such as 2m, or 0s")
    return wait


def _unit(text: str) -> str:
    if not 1 <= len(text) <= _MAX_UNIT or not text.isprintable():
        raise ValueError(f"must be a text of 1 to {_MAX_UNIT} characters, such as EUR")
    return text


def _timezone(text: str) -> str:
    return zone(text).key


def _channels(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not all(name.isprintable() and len(name) <= 2 * _MAX_TEXT for name in names):
        raise ValueError("must be names or keys of channels, separated by commas")
    return names


_READERS: dict[ParameterKind, Callable[[str], ParameterValue]] = {
    ParameterKind.RESOURCE_TYPE: _mnemonic,
    ParameterKind.ACTION: _mnemonic,
    ParameterKind.ORIGIN: _mnemonic,
    ParameterKind.FIELD: _field,
    ParameterKind.NUMBER: _number,
    ParameterKind.COUNT: _count,
    ParameterKind.WINDOW: Window.parse,
    ParameterKind.WAIT: _wait,
    ParameterKind.UNIT: _unit,
    ParameterKind.TIMEZONE: _timezone,
    ParameterKind.CHANNELS: _channels,
}


def value_text(value: ParameterValue) -> str:
    """A value as `--set` has it."""
    return ",".join(value) if isinstance(value, tuple) else str(value)
