"""The appends of this process whose outcome is unknown, and whether they may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from tocsin.errors import Unavailable
from tocsin.ingestion.append_log import Append


class UnsettledAppends:
    """One thread adds, another one repeats and forgets."""

    def __init__(self, check_open: Callable[[Append], object]) -> None:
        self._check_open = check_open
        self._appends: dict[int, Append] = {}

    @property
    def numbers(self) -> set[int]:
        return set(self._appends)

    def add(self, append: Append) -> None:
        self._appends[append.first] = replace(append, interactions=())

    def check_repeat(self, number: int) -> None:
        """Called immediately before a block is sent again. Raises Unavailable if other nodes may
        close its row meanwhile."""
        append = self._appends.get(number)
        if append is None:
            raise Unavailable("This append has ended")
        self._check_open(append)

    def may_repeat(self, number: int) -> bool:
        """Whether `check_repeat` succeeds now."""
        try:
            self.check_repeat(number)
        except Unavailable:
            return False
        return True

    def forget(self, numbers: Collection[int]) -> None:
        """The outcomes of these appends are known."""
        for number in numbers:
            self._appends.pop(number, None)
