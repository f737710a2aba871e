"""The column types of the store on SQLite and on PostgreSQL.

SQLite neither limits the length of a text nor the size of an integer, and compares texts by their
code points. PostgreSQL gets types that behave alike. The migrations use these types, too, so a
change of one needs a migration.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from tocsin.model.instant import format_instant, parse_instant

_NUL = "\0"
_ESCAPE = "\x1a"
_MAX_INDEXED = 2_000


class EscapedText(TypeDecorator[str]):
    """A text of PostgreSQL, which cannot hold U+0000: `\\x1a0` represents it.

    Texts that Tocsin stores without validating them, such as the response of a receiver, may
    contain the character. JSON never contains it, nor the escape character.
    """

    impl = Text(collation="C")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        if value is None or (_NUL not in value and _ESCAPE not in value):
            return value
        return value.replace(_ESCAPE, _ESCAPE * 2).replace(_NUL, f"{_ESCAPE}0")

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        if value is None or _ESCAPE not in value:
            return value
        # First the pairs: `\x1a\x1a0` represents an escape character and a zero.
        parts = value.split(_ESCAPE * 2)
        return _ESCAPE.join(part.replace(f"{_ESCAPE}0", _NUL) for part in parts)


_SHORT_TEXT = Text(collation="C")


def short_text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(_SHORT_TEXT, "postgresql")


LONG_TEXT: TypeEngine[str] = Text().with_variant(EscapedText(), "postgresql")


class DigestedText(TypeDecorator[str]):
    """A text of PostgreSQL that is compared only: a digest represents a long one, because an index
    of PostgreSQL rejects rows of more than 2,704 bytes."""

    impl = Text(collation="C")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        if value is None or len(value) <= _MAX_INDEXED:
            return value
        return f"sha256:{sha256(value.encode()).hexdigest()}"


JSON_KEY: TypeEngine[str] = Text().with_variant(DigestedText(), "postgresql")
"""ASCII in JSON, which never equals a digest."""

# An INTEGER as primary key makes SQLite assign the numbers; 8 bytes hold all integers there.
WHOLE_NUMBER: TypeEngine[int] = Integer().with_variant(BigInteger(), "postgresql")

INSTANT_TEXT = short_text(24)


class InstantColumn(TypeDecorator[datetime]):
    """Stores an instant as text, `2026-03-20T14:30:00.000Z`: SQLite has no time zones."""

    impl = INSTANT_TEXT
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:  # noqa: ARG002
        return None if value is None else format_instant(value)

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        return None if value is None else parse_instant(value)
