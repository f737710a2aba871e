"""The column types of the store on SQLite and on PostgreSQL.

SQLite neither limits the length of a text nor the size of an integer, and compares texts by their
code points. PostgreSQL gets types that behave alike. The migrations use these types, too, so a
change of one needs a migration.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from tocsin.model.instant import format_instant, parse_instant

_POSTGRESQL_TEXT = Text(collation="C")


def short_text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(_POSTGRESQL_TEXT, "postgresql")


LONG_TEXT: TypeEngine[str] = Text().with_variant(_POSTGRESQL_TEXT, "postgresql")

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
