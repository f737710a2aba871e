"""Ticks are at round values and instants in the zone of the viewer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server

HOUR, DAY = 3600, 86400


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Browser]:
    browser.open_at(server.url)
    yield browser
    in_zone(browser, "")


def in_zone(browser: Browser, zone: str) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})


def instants(page: Browser, start: str, seconds: float, room: int) -> list[tuple[str, str]]:
    begin = datetime.fromisoformat(start).timestamp()
    ticks = page.script(f"return Ruler.instants({begin}, {begin + seconds}, {room})")
    return [(tick["above"], tick["below"]) for tick in ticks]


def values(page: Browser, low: float, high: float, room: int = 5) -> list[str]:
    return list(page.script(f"return Ruler.ticks({low}, {high}, {room}, 0).words"))


def test_a_day_has_round_hours_and_marks_the_next_day(page: Browser) -> None:
    in_zone(page, "Etc/UTC")
    assert instants(page, "2026-03-20T14:30:00+00:00", DAY, 4) == [
        *(("18:00", "Mar 20"), ("00:00", "Mar 21")),
        *(("06:00", ""), ("12:00", "")),
    ]


def test_hours_are_round_in_the_zone_of_the_viewer(page: Browser) -> None:
    in_zone(page, "Asia/Kathmandu")
    ticks = page.script("return Ruler.instants(1774000000, 1774007200, 4)")
    assert [tick["above"][-2:] for tick in ticks] == ["00", "30", "00", "30"]
    assert {datetime.fromtimestamp(tick["at"], UTC).minute for tick in ticks} == {15, 45}


def test_the_hour_that_daylight_saving_skips_has_no_tick(page: Browser) -> None:
    in_zone(page, "Europe/Berlin")
    shown = instants(page, "2026-03-28T23:00:00+00:00", 4 * HOUR, 4)
    assert [above for above, _ in shown] == ["00:00", "01:00", "03:00", "04:00", "05:00"]


def test_days_begin_at_midnight_when_the_offset_changes(page: Browser) -> None:
    in_zone(page, "Europe/Berlin")
    ticks = page.script("return Ruler.instants(1774566000, 1774566000 + 4 * 86400, 4)")
    shown = [datetime.fromtimestamp(tick["at"], UTC).hour for tick in ticks]
    assert shown == [23, 23, 23, 22, 22]


@pytest.mark.parametrize(
    ("seconds", "first"),
    [
        (40, ("14:30:00", "Mar 20")),
        (3 * HOUR, ("15:00", "Mar 20")),
        (7 * DAY, ("Mar 22", "2026")),
        (300 * DAY, ("Apr", "2026")),
        (3000 * DAY, ("2030", "")),
    ],
)
def test_the_label_of_an_instant_has_the_resolution_of_the_ticks(
    page: Browser, seconds: int, first: tuple[str, str]
) -> None:
    in_zone(page, "Etc/UTC")
    assert instants(page, "2026-03-20T14:30:00+00:00", seconds, 4)[0] == first


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 10, ["0", "2", "4", "6", "8", "10"]),
        (0, 0.7, ["0", "0.2", "0.4", "0.6"]),
        (0, 4900, ["0", "1,000", "2,000", "3,000", "4,000"]),
        (0, 2.2e6, ["0", "0.5M", "1.0M", "1.5M", "2.0M"]),
        (88_000, 103_000, ["90K", "95K", "100K"]),
        (-30, 30, ["-20", "0", "20"]),
        (0, 3e20, ["0", "100000000000000000000", "200000000000000000000", "300000000000000000000"]),
        (0, 2e-9, ["0", "5e-10", "1e-9", "1.5e-9", "2e-9"]),
    ],
)
def test_ticks_are_at_one_two_and_five_times_a_power_of_ten(
    page: Browser, low: float, high: float, words: list[str]
) -> None:
    assert values(page, low, high) == words
