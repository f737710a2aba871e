"""Tracks the types of the values at each payload path.

Types are loaded from the table at the start and updated from every payload before its append, so
that a query reads only types that may occur. Reading only doubles takes two thirds of the time of
reading doubles, integers and strings. The tracked types may include types that no longer occur, but
never miss one that occurs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tocsin.clickhouse.payload_paths import RecordedPaths, reject_long_keys
from tocsin.clickhouse.sql.table import ANY_TYPE, JsonType
from tocsin.model.ceilings import PATHS
from tocsin.model.interactions.payload import Members, Path

MAX_PATHS = 20_000
MAX_SHAPES = 1_000
# The keys of all shapes in memory, some 100 bytes each.
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
    """The checks of a payload's keys and paths."""

    ALL = "all"
    # For a payload that is shorter than the longest key: its arrays cannot have too long keys.
    SHORT = "short"
    # For Tocsin's own interactions: no sender may prevent Tocsin from recording them.
    NONE = "none"


class FieldTypes:
    """Shared by the threads of one process: a set only grows, and is replaced as a whole."""

    def __init__(self, max_paths: int = PATHS) -> None:
        """`observe` rejects payloads with a new path when there are `max_paths` paths."""
        self.paths = RecordedPaths(max_paths)
        self._room_for_keys = MAX_SHAPE_KEYS
        self._types: dict[Path, frozenset[JsonType]] = {}
        self._root = _Node(())
        self._widening = threading.Lock()
        self._is_complete = False
        self._overflowed = False
        self._observed: list[tuple[Path, JsonType]] | None = None

    def keep_observed(self) -> Sequence[tuple[Path, JsonType]]:
        """A list to which `observe` adds, from now on, every type that is new at its path.

        Other nodes need it, to know these types before a query may find them."""
        observed: list[tuple[Path, JsonType]] = []
        self._observed = observed
        return observed

    @property
    def is_overflowed(self) -> bool:
        """Whether there are too many paths to know the types of each."""
        return self._overflowed

    @property
    def is_complete(self) -> bool:
        """Whether the types of each path are known."""
        return self._is_complete and not self._overflowed

    def overflow(self) -> None:
        """Assume all types at every path from now on."""
        with self._widening:
            self._overflowed = True
            self._types = {}

    def of(self, path: Path) -> frozenset[JsonType]:
        """The types that may occur at a path; all types until `mark_complete`."""
        if not self.is_complete:
            return ANY_TYPE
        return self._types.get(path, _NONE)

    def by_path(self) -> dict[Path, frozenset[JsonType]]:
        """The types that occur at each path."""
        return dict(self._types)

    def leaves(self) -> list[Path] | None:
        """The paths at which a value other than an object may occur; None if not all are known."""
        if not self._is_complete or self._overflowed:
            return None
        return self.known_leaves()

    def known_leaves(self) -> list[Path]:
        """The paths of which it is known that a value other than an object may occur."""
        return [path for path, types in self.by_path().items() if types - {JsonType.OBJECT}]

    def mark_complete(self) -> None:
        """Called after all paths of the table were added."""
        self._is_complete = True

    def add(self, path: Path, types: Iterable[JsonType]) -> None:
        """Add a path that is in the table."""
        self.paths.add(path)
        self._widen(path, types)

    def _widen(self, path: Path, types: Iterable[JsonType]) -> None:
        if self._overflowed:
            return
        with self._widening:
            self._types[path] = self._types.get(path, _NONE).union(types)
        if len(self._types) > MAX_PATHS:
            self.overflow()

    def _learn(self, path: Path, type: JsonType) -> None:
        """Add a type that occurs in a payload."""
        kept = None if self._overflowed else self._observed
        if kept is not None and type not in self._types.get(path, _NONE):
            # Before the type is known here, so that every append of it is preceded by its entry.
            kept.append((path, type))
        self._widen(path, (type,))

    def observe(self, payload: Members, bounds: Bounds = Bounds.ALL) -> list[Path]:
        """Add the types of a payload before its append; returns the paths of its integers past 64
        bits. Raises PayloadRejected for keys and paths that are too long, or too many paths.

        Most payloads have a known shape, for which a look-up is enough.
        """
        big_integers: list[Path] = []
        self._observe(payload, self._root, big_integers, bounds)
        return big_integers

    def _observe(
        self, members: Members, node: _Node, big_integers: list[Path], bounds: Bounds
    ) -> None:
        key_types = (*members, *map(type, members.values()))
        shape = node.shapes.get(key_types)
        if shape is None:
            shape = self._add_shape(members, node, bounds)
            if len(node.shapes) < MAX_SHAPES and self._room_for_keys > 0:
                self._room_for_keys -= len(members)
                node.shapes[key_types] = shape
        if shape.lists and bounds is Bounds.ALL:
            reject_long_keys([members[key] for key in shape.lists])
        for key in shape.integers:
            if not _LEAST <= members[key] <= _GREATEST:
                self._add_large((*node.path, key), members[key], big_integers)
        for key, child in shape.objects:
            self._observe(members[key], child, big_integers, bounds)

    def _add_large(self, path: Path, integer: int, big_integers: list[Path]) -> None:
        if 0 < integer < 2**64:
            self._learn(path, JsonType.UNSIGNED)
        else:
            self._learn(path, JsonType.BIG_INTEGER)
            big_integers.append(path)

    def _add_shape(self, members: Members, node: _Node, bounds: Bounds) -> _Shape:
        if bounds is not Bounds.NONE:
            self.paths.admit(node.path, members)
        else:
            for key in members:
                self.paths.add((*node.path, key))
        for key, value in members.items():
            kind = _OF_VALUE.get(type(value))
            if kind:
                self._learn((*node.path, key), kind)
        objects = [key for key, value in members.items() if type(value) is dict]
        integers = [key for key, value in members.items() if type(value) is int]
        lists = [key for key, value in members.items() if type(value) is list]
        return _Shape(integers, [(key, node.child(key)) for key in objects], lists)


@dataclass(frozen=True, slots=True)
class _Shape:
    """The keys of a shape whose values differ in type or size between payloads."""

    integers: list[str]
    objects: list[tuple[str, _Node]]
    lists: list[str]


class _Node:
    """A path, with the shapes of the objects at it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shapes: dict[tuple[object, ...], _Shape] = {}
        self._children: dict[str, _Node] = {}

    def child(self, key: str) -> _Node:
        return self._children.setdefault(key, _Node((*self.path, key)))
