"""Which number does a group have? Rows of partial results hold numbers in place of texts."""

from __future__ import annotations

import threading

GroupTexts = tuple[str | None, ...]


class Groups:
    """The groups that some fields make, numbered in the order in which they were met."""

    def __init__(self) -> None:
        self.texts: list[GroupTexts] = []
        self._numbers: dict[GroupTexts, int] = {}
        self._changing = threading.Lock()

    def number(self, texts: GroupTexts) -> int:
        found = self._numbers.get(texts)
        if found is None:
            with self._changing:
                found = self._numbers.setdefault(texts, len(self.texts))
                if found == len(self.texts):
                    self.texts.append(texts)
        return found
