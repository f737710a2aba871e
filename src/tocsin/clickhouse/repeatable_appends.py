"""The appends of unknown outcome that may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class RepeatableAppends(Protocol):
    """Appends are identified by their names; any thread may call the methods."""

    @property
    def names(self) -> set[str]: ...

    def forget(self, names: set[str]) -> None: ...

    def repeat(self, name: str, check: Callable[[], object]) -> bool:
        """See Engine.repeat_append."""


class NoRepeatableAppends:
    """Of a folder and of one server, which state with certainty what they have stored."""

    @property
    def names(self) -> set[str]:
        return set()

    def forget(self, names: set[str]) -> None:
        """There are none."""

    def repeat(self, name: str, check: Callable[[], object]) -> bool:  # noqa: ARG002 - none
        return False
