"""Calendar windows hold the local days, weeks and months of a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.oracle_windows import is_in_window, start_of
from tocsin.model.instant import MILLISECOND
from tocsin.model.metrics.calendar import CalendarPeriod, CalendarWindow, local_day, midnight
from tocsin.model.metrics.window import Period
from tocsin.model.zones import data_version, zone, zone_names

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# Zones whose clocks change in unusual ways, with a day on which they do.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/Havana", date(2025, 3, 9)),
    ("America/Havana", date(2025, 11, 2)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 30)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Apia", date(2011, 12, 31)),
    ("America/St_Johns", date(2006, 10, 29)),
    ("Antarctica/Casey", date(2010, 3, 5)),
    ("Asia/Kathmandu", date(1986, 1, 1)),
    ("Africa/Monrovia", date(1972, 1, 7)),
]
ZONES = sorted({name for name, _ in CHANGES})


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def held(name: str, timezone: str, at: str) -> tuple[str, str]:
    """The first and the last millisecond of a window."""
    period = CalendarWindow(CalendarPeriod(name), timezone).period(instant(at))
    return (period.after + MILLISECOND).isoformat(), period.upto.isoformat()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-03-19T23:00:00+00:00", "2026-03-20T14:30:00+00:00"),
        ("yesterday", "2026-03-18T23:00:00+00:00", "2026-03-19T22:59:59.999000+00:00"),
        ("thisWeek", "2026-03-15T23:00:00+00:00", "2026-03-20T14:30:00+00:00"),
        ("lastWeek", "2026-03-08T23:00:00+00:00", "2026-03-15T22:59:59.999000+00:00"),
        ("thisMonth", "2026-02-28T23:00:00+00:00", "2026-03-20T14:30:00+00:00"),
        ("lastMonth", "2026-01-31T23:00:00+00:00", "2026-02-28T22:59:59.999000+00:00"),
    ],
)
def test_a_window_holds_its_first_millisecond_and_ends_before_the_next_period(
    name: str, first: str, last: str
) -> None:
    assert held(name, "Europe/Berlin", "2026-03-20T14:30:00Z") == (first, last)


@pytest.mark.parametrize(
    ("timezone", "day", "start", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00Z", 23),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00Z", 25),
        # There is no midnight: the clock goes from 0:00 to 1:00.
        ("America/Havana", date(2025, 3, 9), "2025-03-09T05:00Z", 23),
        # There are two midnights: the clock goes from 1:00 to 0:00.
        ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00Z", 25),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00Z", 23),
        # The day before has the hour from 23:00 on twice.
        ("Africa/Cairo", date(2026, 10, 29), "2026-10-28T21:00Z", 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T13:00Z", 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), "2026-10-03T13:30Z", 23.5),
        ("Pacific/Apia", date(2011, 12, 29), "2011-12-29T10:00Z", 24),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00Z", 0),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00Z", 24),
        ("Africa/Monrovia", date(1972, 1, 1), "1972-01-01T00:44:30Z", 24),
    ],
)
def test_a_local_day_may_have_other_than_24_hours(
    timezone: str, day: date, start: str, hours: float
) -> None:
    begin, end = (midnight(zone(timezone), d) for d in (day, day + DAY))
    assert begin == instant(start)
    assert end - begin == hours * HOUR


def test_yesterday_is_the_day_before_a_date_that_the_zone_skipped() -> None:
    expected = ("2011-12-29T10:00:00+00:00", "2011-12-30T09:59:59.999000+00:00")
    assert held("yesterday", "Pacific/Apia", "2011-12-31T00:00+14:00") == expected
    assert held("yesterday", "Pacific/Apia", "2011-12-31T23:59+14:00") == expected


def test_a_day_does_not_end_when_clocks_are_set_back_past_midnight() -> None:
    """At 0:01 of October 29, clocks in St. John's showed 23:01 of October 28 again."""
    again = instant("2006-10-29T02:45Z")
    of_zone = zone("America/St_Johns")
    assert again.astimezone(of_zone).date() == date(2006, 10, 28)
    assert local_day(of_zone, again) == date(2006, 10, 29)


def instants() -> st.SearchStrategy[datetime]:
    near = st.sampled_from(CHANGES).flatmap(
        lambda change: st.integers(-3 * 86_400_000, 3 * 86_400_000).map(
            lambda ms: midnight(zone(change[0]), change[1]) + ms * MILLISECOND
        )
    )
    edges = st.sampled_from(CHANGES).flatmap(
        lambda change: st.integers(-2, 2).map(
            lambda ms: midnight(zone(change[0]), change[1]) + ms * MILLISECOND
        )
    )
    anywhere = st.datetimes(datetime(1970, 1, 3), datetime(2299, 12, 30)).map(
        lambda at: at.replace(tzinfo=UTC, microsecond=at.microsecond // 1000 * 1000)
    )
    return near | edges | anywhere


PAIRS = [("today", "yesterday"), ("thisWeek", "lastWeek"), ("thisMonth", "lastMonth")]


@settings(deadline=None)
@given(at=instants(), timezone=st.sampled_from(ZONES), pair=st.sampled_from(PAIRS))
def test_a_period_that_is_over_is_the_current_one_at_its_last_millisecond(
    at: datetime, timezone: str, pair: tuple[str, str]
) -> None:
    current, over = (CalendarWindow(CalendarPeriod(name), timezone) for name in pair)
    period = over.period(at)
    assert current.period(period.upto) == period
    assert current.period(at).after == period.upto
    assert current.period(current.next_start(at)).after == current.next_start(at) - MILLISECOND
    assert over.period(current.next_start(at)) == Period(
        current.period(at).after, current.next_start(at) - MILLISECOND
    )


@settings(deadline=None)
@given(at=instants(), timezone=st.sampled_from(ZONES))
def test_days_partition_weeks_and_months(at: datetime, timezone: str) -> None:
    day = CalendarWindow(CalendarPeriod.YESTERDAY, timezone)
    for name in ("lastWeek", "lastMonth"):
        whole = CalendarWindow(CalendarPeriod(name), timezone).period(at)
        end, days = whole.upto + MILLISECOND, 0
        while end - MILLISECOND > whole.after:
            period = day.period(end)
            assert period.upto == end - MILLISECOND
            end, days = period.after + MILLISECOND, days + 1
        assert end - MILLISECOND == whole.after
        assert days in ((6, 7) if name == "lastWeek" else range(27, 32))


@settings(deadline=None)
@given(at=instants(), timezone=st.sampled_from(ZONES), name=st.sampled_from(CalendarPeriod))
def test_a_window_holds_the_milliseconds_of_the_oracle(
    at: datetime, timezone: str, name: CalendarPeriod
) -> None:
    metric = {"timeWindow": str(name), "timezone": timezone}
    period = CalendarWindow(name, timezone).period(at)
    for edge in (period.after, period.upto):
        for timestamp in (edge - MILLISECOND, edge, edge + MILLISECOND):
            expected = is_in_window(metric, timestamp, at)
            assert (period.after < timestamp <= period.upto) is expected, timestamp


@pytest.mark.parametrize(("timezone", "day"), CHANGES)
def test_a_day_begins_at_the_first_instant_with_its_date(timezone: str, day: date) -> None:
    for near in (day + n * DAY for n in range(-2, 3)):
        assert midnight(zone(timezone), near) == start_of(timezone, near)


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("timezone", zone_names())
def test_a_day_of_any_zone_begins_at_the_first_instant_with_its_date(timezone: str) -> None:
    of_zone = zone(timezone)
    for number in range(0, 24_000):
        day = date(1970, 1, 2) + number * DAY
        start, end = midnight(of_zone, day), midnight(of_zone, day + DAY)
        assert start <= end
        if end - start != DAY:
            assert start == start_of(timezone, day)
            assert end == start_of(timezone, day + DAY)


def test_a_zone_is_that_of_the_pinned_release() -> None:
    assert data_version() >= "2026f"
    assert len(zone_names()) > 500
    assert zone("Europe/Berlin") is zone("Europe/Berlin")


@pytest.mark.parametrize("name", ["", "Berlin", "../../etc/passwd", "/etc/localtime", "UTC+1", "é"])
def test_an_unknown_zone_is_rejected_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        zone(name)


def test_a_zone_in_the_wrong_case_is_rejected_with_its_spelling() -> None:
    with pytest.raises(ValueError, match="is written America/New_York"):
        zone("america/new_york")
