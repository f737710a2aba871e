"""Reads a payload field from `raw`, for keys that no subcolumn name of the engine can spell.

In a subcolumn name of the JSON column the engine (26.9) takes ``@`a` ``, ``^`a` `` and
``.:`Int64` `` for its own notation, wherever a path holds them: a key that is spelled so reads
another key, or is an error. `getSubcolumn` has the same reading. All of this notation needs a
backtick; a bound Identifier, besides, loses keys with characters that it escapes twice.

`JSONExtractRaw` takes each key as it is. It writes a number as its text in
docs/reference/semantics.md, and an integer past 64 bits as a string, as the JSON column does. No
setting of a session changes it, so a column that is filled in the background holds the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.model.interactions.payload import Path

_UNSPELLABLE = frozenset("`'\\\b\f\n\r\t\0")


def has_subcolumn(path: Path) -> bool:
    """Whether a bound Identifier names the subcolumn of this path, and nothing else."""
    return all(_UNSPELLABLE.isdisjoint(key) for key in path)


@dataclass(frozen=True, slots=True)
class RawValue:
    """The SQL of one JSON value; `json` is an expression of its JSON text, empty if missing."""

    json: str

    @classmethod
    def at(cls, keys: str) -> RawValue:
        """The value at some keys of the payload, written as arguments."""
        return cls(f"JSONExtractRaw(raw, {keys})")

    @property
    def text(self) -> str:
        """The text of a value (docs/reference/semantics.md), NULL for what has none."""
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
