"""Reads the timestamps of other systems."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from tocsin.cli.mapping.templates import RecordTemplate, RecordTemplateText
from tocsin.model.instant import format_instant
from tocsin.model.zones import zone

RFC_3339, UNIX, UNIX_MS = "rfc3339", "unix", "unix_ms"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _zone(value: Any) -> Any:
    return value if value is None else zone(str(value))


def _format(value: Any) -> Any:
    if value not in (RFC_3339, UNIX, UNIX_MS) and (not isinstance(value, str) or "%" not in value):
        raise ValueError(f"must be {RFC_3339}, {UNIX}, {UNIX_MS}, or a format such as %Y-%m-%d")
    return value


class TimeField(BaseModel):
    """Where the timestamp of a record is, and in which format."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    value: RecordTemplateText
    format: Annotated[str, BeforeValidator(_format)] = RFC_3339
    timezone: Annotated[tzinfo | None, BeforeValidator(_zone)] = None

    def text(self, record: Any) -> str:
        """The timestamp in UTC; raises ValueError, or NoValue."""
        text = self.value.text(record)
        try:
            return format_instant(self._instant(text))
        except (ValueError, OverflowError) as error:
            reason = str(error) if isinstance(error, _NoOffsetError) else f"is not {self.format}"
            raise ValueError(f"{text[:80]} {reason}") from None

    def _instant(self, text: str) -> datetime:
        if self.format == UNIX:
            return _EPOCH + timedelta(seconds=float(text))
        if self.format == UNIX_MS:
            return _EPOCH + timedelta(milliseconds=float(text))
        if self.format == RFC_3339:
            instant = datetime.fromisoformat(text)
        else:
            instant = datetime.strptime(text, self.format)
        if instant.tzinfo is None:
            if self.timezone is None:
                raise _NoOffsetError
            instant = instant.replace(tzinfo=self.timezone)
        return instant


class _NoOffsetError(ValueError):
    def __str__(self) -> str:
        return "has no offset; give the map a timezone"


def _time_field(value: Any) -> Any:
    return {"value": value} if isinstance(value, str | RecordTemplate) else value


TimeFieldValue = Annotated[TimeField, BeforeValidator(_time_field)]
