"""Reads a payload field from `raw`, for keys that no subcolumn name of the engine can spell.

In a subcolumn name of the JSON column, the engine (26.9) interprets ``@`a` ``, ``^`a` `` and
``.:`Int64` `` as its own notation anywhere in a path: a key with such text reads another key, or
is an error. `getSubcolumn` interprets them, too. All of this notation needs a backtick; besides, a
bound Identifier does not match keys with characters that it escapes twice.

`JSONExtractRaw` takes each key literally. It writes a number as its text in
docs/reference/semantics.md, and an integer past 64 bits as a string, as the JSON column does. No
session setting changes it, so a column that is backfilled has the same values.
"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.model.interactions.payload import Path

_UNSPELLABLE = frozenset("`'\\\b\f\n\r\t\0")


def has_subcolumn(path: Path) -> bool:
    """Whether a bound Identifier names exactly the subcolumn of this path."""
    return all(_UNSPELLABLE.isdisjoint(key) for key in path)


@dataclass(frozen=True, slots=True)
class RawValue:
    """The SQL of one JSON value; `json` is an expression of its JSON text, empty if missing."""

    json: str

    @classmethod
    def at(cls, keys: str) -> RawValue:
        """The value at a path of the payload; `keys` are the arguments in SQL."""
        return cls(f"JSONExtractRaw(raw, {keys})")

    @property
    def text(self) -> str:
        """The text of a value (docs/reference/semantics.md), NULL for a value without text."""
        return (
            f"if({self.is_string}, JSONExtractString({self.json}), "
            f"if(match({self.json}, '^[-0-9tf]'), {self.json}, NULL))"
        )

    @property
    def string(self) -> str:
        """The text of a string or of an integer past 64 bits, NULL for any other value."""
        return f"if({self.is_string}, JSONExtractString({self.json}), NULL)"

    @property
    def is_string(self) -> str:
        return f"startsWith({self.json}, '\"')"

    @property
    def is_array(self) -> str:
        return f"startsWith({self.json}, '[')"

    @property
    def exists(self) -> str:
        """Whether there is any value but null."""
        return f"{self.json} NOT IN ('', 'null')"
