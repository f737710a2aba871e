"""The catalog entries that forms offer: all entries to select from, or a few suggestions.

A catalog may have thousands of entries, and a page with all of them takes 0.7 MB.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.runtime import Runtime

MAX_CHOICES = 500
SUGGESTIONS = 200


@dataclass(frozen=True, slots=True)
class Choices:
    """Entries of a kind, sorted by mnemonic. If they are incomplete, a form takes any mnemonic."""

    kind: Kind
    entries: Sequence[Entry]
    is_complete: bool

    @property
    def list_id(self) -> str:
        """The id of the datalist with the suggestions."""
        return f"entries-{self.kind}"


def choices_of(runtime: Runtime, kind: Kind) -> Choices:
    """All entries, or the latest SUGGESTIONS if there are more than MAX_CHOICES."""
    entries = runtime.catalog.entries(kind)
    if len(entries) <= MAX_CHOICES:
        return Choices(kind, entries, is_complete=True)
    latest = heapq.nlargest(SUGGESTIONS, entries, key=lambda entry: entry.created_date)
    latest.sort(key=lambda entry: entry.mnemonic.lower())
    return Choices(kind, latest, is_complete=False)


def all_choices(runtime: Runtime) -> dict[str, Choices]:
    """The choices of each kind, by the name of the member in a form."""
    return {kind.value: choices_of(runtime, kind) for kind in Kind}
