"""The parts of a folder in which the types of all fields are known.

Parts never change, so the store keeps their names and hashes between two runs, with the types. A
start reads the payloads of other parts only (decision 98).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tocsin.clickhouse.field_types import FieldTypes
from tocsin.clickhouse.part_hashes import PartHashes, same_parts
from tocsin.clickhouse.sql.table import JsonType


@dataclass(frozen=True, slots=True)
class TypedParts:
    """All types in these parts, by the keys of their paths."""

    parts: PartHashes = field(default_factory=dict)
    types: Sequence[tuple[Sequence[str], Sequence[JsonType]]] = ()


class RecordedTypes:
    """The content of `field_types` that need not be learnt from the table again."""

    def __init__(self, field_types: FieldTypes, list_parts: Callable[[], PartHashes]) -> None:
        self._field_types = field_types
        self._list_parts = list_parts
        self._has_dropped = False
        self.known_parts: PartHashes = {}
        """The parts whose types are in `field_types` before the table was read."""

    def recall(self, known: TypedParts) -> None:
        """Use what was known in an earlier run, as far as the parts are still the same.

        After a month was dropped, nothing: its paths are to be forgotten, because their number is
        limited."""
        present = self._list_parts()
        if not _months_of(known.parts) <= _months_of(present):
            return
        for path, types in known.types:
            self._field_types.add(tuple(path), types)
        self.known_parts = same_parts(known.parts, present)

    def forget_dropped(self) -> None:
        """Months were dropped, so that `field_types` has more than the table."""
        self._has_dropped = True

    def read(self) -> TypedParts | None:
        """The types of all parts; None if they are not known, or there may be fewer. Raises
        Unavailable."""
        # First: later ones may have types that are not known yet.
        parts = self._list_parts()
        types = self._field_types
        if self._has_dropped or not types.is_complete:
            return None
        by_path = sorted(types.by_path().items())
        return TypedParts(parts, [(path, sorted(each)) for path, each in by_path])


def _months_of(parts: PartHashes) -> set[str]:
    return {name.partition("_")[0] for name in parts}
