"""Which types can the values of a payload path have?

Learned from every payload before it is appended, and from the table at the start, so that a query
looks only for types that may occur: reading a number that is always a double takes two thirds of
the time of looking for integers and strings too. What is known may be too much, never too little.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from tocsin.clickhouse.payload_paths import RecordedPaths, refuse_long_keys
from tocsin.clickhouse.sql.table import ANY_TYPE, JsonType
from tocsin.model.ceilings import PATHS
from tocsin.model.interactions.payload import Members, Path

MAX_PATHS = 20_000
MAX_SHAPES = 1_000
# Keys in all shapes that are remembered, some 100 bytes each.
MAX_SHAPE_KEYS = 200_000

_OF_VALUE = {
    str: JsonType.STRING,
    bool: JsonType.BOOLEAN,
    float: JsonType.DOUBLE,
    list: JsonType.ARRAY,
    dict: JsonType.OBJECT,
    int: JsonType.INTEGER,
}
_NONE: frozenset[JsonType] = frozenset()
_LEAST, _GREATEST = -(2**63), 2**63 - 1


class Bounds(Enum):
    """What of a payload has to be bounded."""

    ALL = "all"
    # A payload that is shorter than the longest key: arrays need not be searched for long ones.
    SHORT = "short"
    # Tocsin's own: no sender may keep it from recording those.
    NONE = "none"


class FieldTypes:
    """Shared by the threads of one process: a set only grows, and is replaced as a whole."""

    def __init__(self, max_paths: int = PATHS) -> None:
        """`max_paths` different paths may occur, until `learn` refuses new ones."""
        self.paths = RecordedPaths(max_paths)
        self._room_for_keys = MAX_SHAPE_KEYS
        self._types: dict[Path, frozenset[JsonType]] = {}
        self._root = _Place(())
        self._widening = threading.Lock()
        self._is_complete = False
        self._overflowed = False

    def of(self, path: Path) -> frozenset[JsonType]:
        """The types that occur at a path; all of them while what the table holds is unknown."""
        if not self._is_complete or self._overflowed:
            return ANY_TYPE
        return self._types.get(path, _NONE)

    def complete(self) -> None:
        """From now on everything that the table holds has been told."""
        self._is_complete = True

    def note(self, path: Path, types: Iterable[JsonType]) -> None:
        """Take note of a path that the table holds."""
        self.paths.note(path)
        self._widen(path, types)

    def _widen(self, path: Path, types: Iterable[JsonType]) -> None:
        if self._overflowed:
            return
        with self._widening:
            self._types[path] = self._types.get(path, _NONE).union(types)
            if len(self._types) > MAX_PATHS:
                self._overflowed = True
                self._types = {}

    def learn(self, payload: Members, bounds: Bounds = Bounds.ALL) -> list[Path]:
        """Take note of a payload that is about to be appended; answers the paths of its integers
        past 64 bits. Raises PayloadRefused for keys and paths that are too long, or too many.

        Most payloads have a shape that was seen before: then a look-up is all it takes.
        """
        big: list[Path] = []
        self._learn(payload, self._root, big, bounds)
        return big

    def _learn(self, members: Members, place: _Place, big: list[Path], bounds: Bounds) -> None:
        shape = (*members, *map(type, members.values()))
        seen = place.shapes.get(shape)
        if seen is None:
            seen = self._note_shape(members, place, bounds)
            if len(place.shapes) < MAX_SHAPES and self._room_for_keys > 0:
                self._room_for_keys -= len(members)
                place.shapes[shape] = seen
        if seen.lists and bounds is Bounds.ALL:
            refuse_long_keys([members[key] for key in seen.lists])
        for key in seen.integers:
            if not _LEAST <= members[key] <= _GREATEST:
                self._note_large((*place.path, key), members[key], big)
        for key, inner in seen.objects:
            self._learn(members[key], inner, big, bounds)

    def _note_large(self, path: Path, integer: int, big: list[Path]) -> None:
        if 0 < integer < 2**64:
            self._widen(path, (JsonType.UNSIGNED,))
        else:
            self._widen(path, (JsonType.BIG_INTEGER,))
            big.append(path)

    def _note_shape(self, members: Members, place: _Place, bounds: Bounds) -> _Seen:
        if bounds is not Bounds.NONE:
            self.paths.admit(place.path, members)
        else:
            for key in members:
                self.paths.note((*place.path, key))
        for key, value in members.items():
            kind = _OF_VALUE.get(type(value))
            if kind:
                self._widen((*place.path, key), (kind,))
        objects = [key for key, value in members.items() if type(value) is dict]
        integers = [key for key, value in members.items() if type(value) is int]
        lists = [key for key, value in members.items() if type(value) is list]
        return _Seen(integers, [(key, place.inner(key)) for key in objects], lists)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What must be looked at again in every payload of a shape."""

    integers: list[str]
    objects: list[tuple[str, _Place]]
    lists: list[str]


class _Place:
    """A path, with the shapes that the object there has had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shapes: dict[tuple[object, ...], _Seen] = {}
        self._inner: dict[str, _Place] = {}

    def inner(self, key: str) -> _Place:
        return self._inner.setdefault(key, _Place((*self.path, key)))
