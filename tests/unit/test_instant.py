"""Instants: RFC 3339 in, UTC with milliseconds out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tocsin.model.instant import (
    format_instant,
    format_milliseconds,
    from_milliseconds,
    parse_instant,
    parse_milliseconds,
    to_milliseconds,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-20T14:30:00Z", "2026-03-20T14:30:00.000Z"),
        ("2026-03-20t14:30:00z", "2026-03-20T14:30:00.000Z"),
        ("2026-03-20T14:30:00.5Z", "2026-03-20T14:30:00.500Z"),
        ("2026-03-20T16:30:00.123+02:00", "2026-03-20T14:30:00.123Z"),
        ("2026-03-20T14:30:00-00:00", "2026-03-20T14:30:00.000Z"),
        ("2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("1970-01-01T23:59:00+23:59", "1970-01-01T00:00:00.000Z"),
        ("2299-12-31T23:59:59.999Z", "2299-12-31T23:59:59.999Z"),
        ("2300-01-01T01:00:00+02:00", "2299-12-31T23:00:00.000Z"),
    ],
)
def test_an_instant_is_read_with_its_offset_and_written_in_utc(text: str, shown: str) -> None:
    assert format_instant(parse_instant(text)) == shown
    assert format_milliseconds(parse_milliseconds(text)) == shown


def test_digits_finer_than_a_millisecond_are_cut_and_not_rounded() -> None:
    assert parse_instant("2026-03-20T14:30:00.9999999999Z").microsecond == 999_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-20",
        "2026-03-20T14:30Z",
        "2026-03-20T14:30:00",
        "2026-03-20 14:30:00Z",
        "2026-03-20T14:30:00 02:00",
        "2026-03-20T14:30:00+0200",
        "2026-03-20T14:30:00+24:00",
        "2026-03-20T14:30:00+02:60",
        "2026-03-20T14:30:00.Z",
        "2026-03-20T14:30:00,5Z",
        "2026-03-20T14:30:00ZZ",
        "2026-03-20T14:30:00Z\n",
        " 2026-03-20T14:30:00Z",
        "20260320T143000Z",
        "٢٠٢٦-03-20T14:30:00Z",
        "1774017000",
    ],
)
def test_what_is_not_rfc_3339_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2026-03-20T14:30:00"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-03-20T24:00:00Z",
        "2026-03-20T23:59:60Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_a_day_or_time_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an existing date"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00+00:01",
        "2300-01-01T00:00:00Z",
        "2299-12-31T23:59:59-00:01",
    ],
)
def test_an_instant_outside_1970_to_2299_in_utc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1970 to 2299"):
        parse_instant(text)


def test_an_instant_with_another_offset_is_written_in_utc() -> None:
    there = datetime(2026, 3, 20, 16, 30, tzinfo=timezone(timedelta(hours=2)))
    assert format_instant(there) == "2026-03-20T14:30:00.000Z"


def test_milliseconds_since_1970_come_back_as_they_were() -> None:
    instant = datetime(2299, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    assert from_milliseconds(to_milliseconds(instant)) == instant
    assert to_milliseconds(datetime(1970, 1, 1, tzinfo=UTC)) == 0
