"""Which types can the values of a payload path have?

Learned from every payload before it is appended, and from the table at the start, so that a query
looks only for types that may occur: reading a number that is always a double takes two thirds of
the time of looking for integers and strings too. What is known may be too much, never too little.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tocsin.model.payload import Members, Path
from tocsin.sql.table import ANY_TYPE, JsonType

MAX_PATHS = 20_000

_OF_VALUE = {
    str: JsonType.STRING,
    bool: JsonType.BOOLEAN,
    float: JsonType.DOUBLE,
    list: JsonType.ARRAY,
    dict: JsonType.OBJECT,
}
_NONE: frozenset[JsonType] = frozenset()


class FieldTypes:
    """Shared by the threads of one process: a set only grows, and is replaced as a whole."""

    def __init__(self) -> None:
        self._types: dict[Path, frozenset[JsonType]] = {}
        self._shapes: set[object] = set()
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
        with self._widening:
            self._types[path] = self._types.get(path, _NONE).union(types)
            self._overflowed = self._overflowed or len(self._types) > MAX_PATHS

    def learn(self, payload: Members, path: Path = ()) -> None:
        """Take note of a payload that is about to be appended.

        Most payloads have a shape that was seen before: then a look-up is all it takes.
        """
        shape = (path, tuple(payload), tuple(map(type, payload.values())))
        if self._overflowed:
            return
        is_new = shape not in self._shapes
        for key, value in payload.items():
            kind = type(value)
            if kind is dict:
                self.learn(value, (*path, key))
            if kind is int:
                self._note_integer((*path, key), value)
            elif is_new and kind in _OF_VALUE:
                self.note((*path, key), (_OF_VALUE[kind],))
        if is_new:
            if len(self._shapes) >= MAX_PATHS:
                self._shapes.clear()
            self._shapes.add(shape)

    def _note_integer(self, path: Path, value: int) -> None:
        if -(2**63) <= value < 2**63:
            kind = JsonType.INTEGER
        elif 0 <= value < 2**64:
            kind = JsonType.UNSIGNED
        else:
            kind = JsonType.BIG_INTEGER
        if kind not in self._types.get(path, _NONE):
            self.note(path, (kind,))
