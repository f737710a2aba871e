"""The windows of a recurring silence follow the clock of its zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.wall_times import NAMES, window_of
from tocsin.model.instant import MILLISECOND
from tocsin.model.notifications.recurrence import Recurrence
from tocsin.model.zones import zone

DAY = timedelta(days=1)


def recurring(**members: Any) -> Recurrence:
    body = {"weekdays": NAMES, "from": "02:00", "to": "04:00", "timezone": "Europe/Berlin"}
    return Recurrence.model_validate({**body, **members})


def window_on(timezone: str, day: str, start: str, to: str) -> tuple[str, str, str]:
    """The first window that begins on a day or later: its start and end by the clock of the zone,
    with the offset from UTC, and its length."""
    first = date.fromisoformat(day)
    names = [NAMES[first.weekday()]]
    recurs = recurring(**{"weekdays": names, "from": start, "to": to, "timezone": timezone})
    since = datetime(first.year, first.month, first.day, tzinfo=UTC) - 2 * DAY
    window = next(recurs.windows(since, since))
    assert window.end
    clocks = [at.astimezone(zone(timezone)).strftime("%d %H:%M %z") for at in window if at]
    return clocks[0], clocks[1], str(window.end - window.start)


# Each line: the zone, the day and the window of the definition, then the window that results.
WINDOWS = """
Europe/Berlin        2026-03-27 02:00-04:00 | 27 02:00 +0100  27 04:00 +0100  2:00:00

# The clock is set forward from 02:00 to 03:00.
Europe/Berlin        2026-03-29 02:00-04:00 | 29 03:00 +0200  29 04:00 +0200  1:00:00
Europe/Berlin        2026-03-29 02:30-04:00 | 29 03:00 +0200  29 04:00 +0200  1:00:00
Europe/Berlin        2026-03-29 01:00-02:30 | 29 01:00 +0100  29 03:00 +0200  1:00:00
Europe/Berlin        2026-03-29 02:15-02:45 | 29 03:00 +0200  29 03:30 +0200  0:30:00
Europe/Berlin        2026-03-29 02:00-03:00 | 29 03:00 +0200  29 04:00 +0200  1:00:00
Europe/Berlin        2026-03-28 22:00-02:30 | 28 22:00 +0100  29 03:00 +0200  4:00:00
Europe/Berlin        2026-03-29 00:00-24:00 | 29 00:00 +0100  30 00:00 +0200  23:00:00

# The clock is set back from 03:00 to 02:00.
Europe/Berlin        2026-10-25 02:00-04:00 | 25 02:00 +0200  25 04:00 +0100  3:00:00
Europe/Berlin        2026-10-25 02:00-02:30 | 25 02:00 +0200  25 02:30 +0100  1:30:00
Europe/Berlin        2026-10-25 02:30-03:00 | 25 02:30 +0200  25 03:00 +0100  1:30:00
Europe/Berlin        2026-10-25 01:00-02:00 | 25 01:00 +0200  25 02:00 +0200  1:00:00
Europe/Berlin        2026-10-25 03:00-04:00 | 25 03:00 +0100  25 04:00 +0100  1:00:00
Europe/Berlin        2026-10-24 22:00-02:30 | 24 22:00 +0200  25 02:30 +0100  5:30:00
Europe/Berlin        2026-10-25 00:00-24:00 | 25 00:00 +0200  26 00:00 +0100  1 day, 1:00:00

# Half an hour: forward from 02:00 to 02:30, back from 02:00 to 01:30.
Australia/Lord_Howe  2026-10-04 01:45-02:15 | 04 01:45 +1030  04 02:30 +1100  0:15:00
Australia/Lord_Howe  2026-10-04 02:00-02:30 | 04 02:30 +1100  04 03:00 +1100  0:30:00
Australia/Lord_Howe  2026-04-05 01:00-01:30 | 05 01:00 +1100  05 01:30 +1100  0:30:00
Australia/Lord_Howe  2026-04-05 01:30-02:00 | 05 01:30 +1100  05 02:00 +1030  1:00:00
Australia/Lord_Howe  2026-04-05 01:45-02:15 | 05 01:45 +1100  05 02:15 +1030  1:00:00

# At midnight: forward from 00:00 to 01:00, back from 01:00 to 00:00.
America/Havana       2025-03-09 00:00-01:00 | 09 01:00 -0400  09 02:00 -0400  1:00:00
America/Havana       2025-03-08 23:00-00:30 | 08 23:00 -0500  09 01:00 -0400  1:00:00
America/Havana       2025-11-01 23:00-00:30 | 01 23:00 -0400  02 00:30 -0500  2:30:00
America/Havana       2025-11-02 00:00-01:00 | 02 00:00 -0400  02 01:00 -0500  2:00:00

# The zone skipped the 30th of December: that day has no window, and the one before it ends there.
Pacific/Apia         2011-12-29 22:00-02:00 | 29 22:00 -1000  31 00:00 +1400  2:00:00
Pacific/Apia         2011-12-30 02:00-04:00 | 06 02:00 +1400  06 04:00 +1400  2:00:00
Pacific/Apia         2011-12-31 00:00-02:00 | 31 00:00 +1400  31 02:00 +1400  2:00:00
"""
LINES = [line for line in WINDOWS.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", LINES)
def test_a_window_lasts_while_the_clock_shows_its_times(line: str) -> None:
    definition, result = line.split(" | ")
    timezone, day, span = definition.split()
    assert "  ".join(window_on(timezone, day, *span.split("-"))) == result


def test_windows_begin_on_their_weekdays_and_may_end_on_the_next_day() -> None:
    recurs = recurring(**{"weekdays": ["friday", "sunday"], "from": "22:00", "to": "06:00"})
    since = datetime(2026, 7, 1, tzinfo=UTC)
    assert [str(window.start) for window in islice(recurs.windows(since, since), 3)] == [
        "2026-07-03 20:00:00+00:00",
        "2026-07-05 20:00:00+00:00",
        "2026-07-10 20:00:00+00:00",
    ]
    assert recurs.window_at(datetime(2026, 7, 4, 3, 59, tzinfo=UTC), since)
    assert recurs.window_at(datetime(2026, 7, 4, 4, tzinfo=UTC), since) is None
    assert recurs.window_at(datetime(2026, 7, 4, 21, tzinfo=UTC), since) is None


def test_windows_are_cut_at_the_start_of_the_silence_and_at_until() -> None:
    recurs = recurring(**{"from": "00:00", "to": "12:00", "until": "2026-07-02T08:00:00Z"})
    since = datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert [(str(start), str(end)) for start, end in recurs.windows(since, since)] == [
        ("2026-07-01 07:00:00+00:00", "2026-07-01 10:00:00+00:00"),
        ("2026-07-01 22:00:00+00:00", "2026-07-02 08:00:00+00:00"),
    ]


ZONES = ["Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Asia/Kathmandu"]
CHANGED = {
    "Europe/Berlin": [date(2026, 3, 29), date(2026, 10, 25)],
    "Australia/Lord_Howe": [date(2026, 4, 5), date(2026, 10, 4)],
    "America/Havana": [date(2025, 3, 9), date(2025, 11, 2)],
    "Pacific/Apia": [date(2011, 12, 30), date(2012, 4, 1)],
    "Asia/Kathmandu": [date(1986, 1, 1)],
}
CLOCKS = st.tuples(st.integers(0, 23), st.sampled_from([0, 10, 15, 29, 30, 45, 59])).map(
    lambda clock: f"{clock[0]:02}:{clock[1]:02}"
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_windows_are_those_of_a_search_through_the_minutes(data: st.DataObject) -> None:
    timezone = data.draw(st.sampled_from(ZONES))
    changed = data.draw(st.sampled_from(CHANGED[timezone]))
    day = changed + data.draw(st.integers(-1, 1)) * DAY
    start, to = data.draw(st.tuples(CLOCKS, CLOCKS).filter(lambda span: span[0] != span[1]))
    span = {"weekdays": [NAMES[day.weekday()]], "from": start, "to": to, "timezone": timezone}
    expected = window_of(span, day)
    since = datetime(day.year, day.month, day.day, tzinfo=UTC) - 3 * DAY
    windows = list(islice(recurring(**span).windows(since, since), 1))
    if expected is None:
        assert windows[0].start - since > 5 * DAY
        return
    assert windows == [expected]
    begin, end = expected
    recurs = recurring(**span)
    assert recurs.window_at(begin - MILLISECOND, since) is None
    assert recurs.window_at(begin, since) == expected
    assert recurs.window_at(end - MILLISECOND, since) == expected
    assert recurs.window_at(end, since) is None
