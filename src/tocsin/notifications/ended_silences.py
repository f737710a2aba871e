"""Finds the silences whose held notifications have to be decided anew."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from tocsin.model.notifications.silence import Silence
from tocsin.store.silences import Silences

T = TypeVar("T")


class EndedSilences:
    """Remembers by which definition of an active silence everything that it holds was decided.
    After a restart nothing is remembered, and all is decided once more, which changes nothing."""

    def __init__(self, silences: Silences) -> None:
        self._silences = silences
        self._decided: dict[UUID, Silence] = {}

    def settle(
        self, holders: Collection[UUID], at: datetime, settle: Callable[[UUID, datetime], T]
    ) -> list[T]:
        """Call `settle` for each silence, of those that hold something, that is not active or has
        changed; returns the results."""
        results = []
        for id in holders:
            silence = self._silences.find(id)
            is_active = silence is not None and silence.window_at(at) is not None
            if is_active and self._decided.get(id) == silence:
                continue
            results.append(settle(id, at))
            if silence is not None and is_active:
                self._decided[id] = silence
        self._decided = {id: each for id, each in self._decided.items() if id in holders}
        return results

    def forget(self) -> None:
        """Another node decides from now on."""
        self._decided = {}
