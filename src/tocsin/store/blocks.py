"""Splits the ids of a statement, because SQLite takes 32,766 values in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

_BLOCK = 10_000


def blocks(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), _BLOCK):
        yield ids[start : start + _BLOCK]
