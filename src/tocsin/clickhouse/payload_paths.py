"""Counts the different paths of all payloads, and bounds them: each costs memory and files.

Only hashes are in memory, 100 bytes for a path. Updated for each payload with a new shape, and
loaded from the table at the start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tocsin.model.ceilings import KEY_LENGTH, PATH_LENGTH, PATHS
from tocsin.model.interactions.payload import Path, PayloadRejected


class RecordedPaths:
    def __init__(self, most: int = PATHS) -> None:
        self.most = most
        self._hashes: set[int] = set()
        self._adding = threading.Lock()

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, path: Path) -> None:
        """Add a path that is in the table, even if it exceeds the limit."""
        with self._adding:
            self._hashes.add(hash(path))

    def admit(self, parent: Path, keys: Iterable[str]) -> None:
        """Add the keys of the object at a path; raises PayloadRejected if one is too long, or if
        the table already has as many different paths as it may have."""
        length = len(".".join(parent))
        for key in keys:
            if len(key) > KEY_LENGTH:
                raise PayloadRejected(
                    f"has a key of more than {KEY_LENGTH} characters: {key[:40]}…"
                )
            if length + 1 + len(key) > PATH_LENGTH:
                raise PayloadRejected(f"has a path of more than {PATH_LENGTH:,} characters")
            self._admit((*parent, key))

    def _admit(self, path: Path) -> None:
        number = hash(path)
        if number in self._hashes:
            return
        with self._adding:
            if len(self._hashes) >= self.most:
                raise PayloadRejected(
                    f"has the new field {'.'.join(path)[:100]}, and there are "
                    f"{len(self._hashes):,} fields already: TOCSIN_MAX_PATHS raises the limit"
                )
            self._hashes.add(number)


def reject_long_keys(values: Iterable[object]) -> None:
    """Raise PayloadRejected if an object within arrays has a key that is too long."""
    stack = [*values]
    while stack:
        value = stack.pop()
        if type(value) is list:
            stack.extend(member for member in value if type(member) is dict or type(member) is list)
        elif type(value) is dict:
            if any(len(key) > KEY_LENGTH for key in value):
                raise PayloadRejected(f"has a key of more than {KEY_LENGTH} characters")
            stack.extend(value.values())
