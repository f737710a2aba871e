"""The SQLAlchemy column type of instants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, TypeDecorator

from tocsin.model.instant import format_instant, parse_instant


class InstantColumn(TypeDecorator[datetime]):
    """Stores an instant as text, `2026-03-20T14:30:00.000Z`: SQLite has no time zones."""

    impl = String(24)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:  # noqa: ARG002
        return None if value is None else format_instant(value)

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        return None if value is None else parse_instant(value)
