"""Retry-After as receivers send it, in every form that RFC 9110 knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.model.notifications.retry_after import LONGEST_DELAY, read_retry_after

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("3600", HOUR),
        ("Fri, 20 Mar 2026 15:30:00 GMT", HOUR),
        ("Friday, 20-Mar-26 15:30:00 GMT", HOUR),
        ("Fri Mar 20 15:30:00 2026", HOUR),
        ("Fri, 20 Mar 2026 16:30:00 +0100", HOUR),
        ("Sat Mar  7 15:30:00 2026", timedelta(0)),
        ("Thu, 19 Mar 2026 15:30:00 GMT", timedelta(0)),
        ("0", timedelta(0)),
    ],
)
def test_every_form_says_how_long_to_wait(text: str, delay: timedelta) -> None:
    assert read_retry_after(text, AT) == delay


@pytest.mark.parametrize(
    "text",
    [
        "86401",
        "9" * 5_000,
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Friday, 31-Dec-75 23:59:59 GMT",
        "Fri Dec 31 23:59:59 9999",
    ],
)
def test_no_form_says_to_wait_for_more_than_a_day(text: str) -> None:
    assert read_retry_after(text, AT) == LONGEST_DELAY


def test_a_year_of_two_digits_more_than_50_years_ahead_is_past() -> None:
    assert read_retry_after("Friday, 31-Dec-77 23:59:59 GMT", AT) == timedelta(0)
    assert read_retry_after("Thursday, 06-Nov-94 08:49:37 GMT", AT) == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "-1", "1.5", "²", "١٢", "1, 2", "Fri, 20 Mar", "20 20 20 20 20", "a b c d e"),
        "Fri, 32 Mar 2026 15:30:00 GMT",
        "Fri, 20 Mar 99999999999999999999 15:30:00 GMT",
        "Fri, 20 Mar 2026 15:30:00 +99999999999",
        "Saturday, 29-Feb-25 15:30:00 GMT",
        "2026-03-20T15:30:00Z",
    ],
)
def test_nonsense_is_as_good_as_none(text: str) -> None:
    assert read_retry_after(text, AT) is None
