"""Pages say which zone their times are in, and show them in UTC for who wants that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server

AT = 1_774_000_000
"""2026-03-20T09:46:40Z."""

OWN = "Asia/Katmandu"
"""As Chromium spells it."""


@pytest.fixture
def abroad(browser: Browser, server: Server) -> Iterator[Browser]:
    """A viewer who lives at an offset that nobody takes for another, with a metric to look at."""
    with server.client() as client:
        sent = {"resourceType": "T", "resourceId": "r", "action": "A", "origin": "O"}
        assert client.post("/api/interactions", json=sent).status_code == 201
        said = {"name": "All", "metricType": "COUNT"}
        assert client.post("/api/interaction-metrics", json=said).status_code == 201
    in_zone(browser, OWN)
    browser.sign_in(server.url, server.admin_key)
    yield browser
    in_zone(browser, "")


def in_zone(browser: Browser, zone: str) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})


def minute_shown(browser: Browser) -> int:
    """Less the minute of the same instant in UTC, within the hour."""
    shown = browser.find("td time")
    at = datetime.fromisoformat(str(shown.get_attribute("datetime"))).astimezone(UTC)
    return (int(shown.text.split(":")[-2][-2:]) - at.minute) % 60


def ticks(browser: Browser) -> list[str]:
    """The words under the ticks of two hours."""
    browser.find(".plot")
    return [one["above"] for one in browser.script(f"return Ruler.instants({AT}, {AT} + 7200, 4)")]


def test_the_zone_is_said_once_and_can_be_utc(abroad: Browser) -> None:
    abroad.open("/web/interactions")
    assert abroad.find(".zone").text == f"Times in {OWN} (UTC+05:45) Show UTC"
    assert minute_shown(abroad) == 45
    abroad.press("Show UTC")
    assert abroad.find(".zone").text == "Times in UTC Show local time"
    assert minute_shown(abroad) == 0
    abroad.driver.refresh()
    assert minute_shown(abroad) == 0, "the browser remembers it"
    abroad.press("Show local time")
    assert minute_shown(abroad) == 45


def test_charts_are_in_the_zone_that_is_said(abroad: Browser) -> None:
    abroad.open("/web/metrics")
    abroad.press("All")
    assert ticks(abroad) == ["16:00", "16:30", "17:00", "17:30"]
    local = abroad.find(".legend p b").text
    abroad.press("Show UTC")
    assert ticks(abroad) == ["10:00", "10:30", "11:00", "11:30"]
    assert abroad.find(".legend p b").text != local
    said = abroad.script(
        "return Ruler.instants(1703900000, 1703900000 + 90 * 86400, 4).map(t => t.at % 86400)"
    )
    assert set(said) == {0}, "months begin at midnight in UTC"


def test_a_page_without_times_says_nothing_of_zones(abroad: Browser) -> None:
    abroad.open("/web/catalog/action/new")
    assert not abroad.find(".zone").is_displayed()


def test_who_lives_in_utc_has_nothing_to_choose(abroad: Browser) -> None:
    in_zone(abroad, "Etc/UTC")
    abroad.open("/web/interactions")
    assert abroad.find(".zone").text == "Times in UTC"


def test_the_offset_is_that_of_now_where_it_changes(abroad: Browser) -> None:
    in_zone(abroad, "Europe/Berlin")
    abroad.open("/web/interactions")
    assert abroad.find(".zone").text.startswith("Times in Europe/Berlin (UTC+0")
    assert " now)" in abroad.find(".zone").text
