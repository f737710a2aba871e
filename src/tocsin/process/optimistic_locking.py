"""Optimistic locking: a change that was computed from a stored item fails if the item has changed.

A stored item is an immutable object that each change replaces, so identity tells whether it has
changed. An item that is equal but was read again counts as changed, which costs one more attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tocsin.errors import ChangedMeanwhile

T = TypeVar("T")

# Of concurrent attempts one succeeds, so this many concurrent requests all succeed.
_ATTEMPTS = 100


def unchanged(current: T, expected: T | None) -> T:
    """The current item. Raises ChangedMeanwhile if another one is expected; None expects any."""
    if expected is not None and current is not expected:
        raise ChangedMeanwhile
    return current


def retry_changed(change: Callable[[], T]) -> T:
    """Call a function that reads an item and changes it, again while the item changes meanwhile.
    Raises ChangedMeanwhile after many attempts."""
    for _ in range(_ATTEMPTS):
        try:
            return change()
        except ChangedMeanwhile:
            continue
    raise ChangedMeanwhile
