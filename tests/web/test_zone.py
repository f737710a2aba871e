"""Pages name the time zone of their times, and can show them in UTC."""

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
"""In the spelling of Chromium."""


@pytest.fixture
def abroad(browser: Browser, server: Server) -> Iterator[Browser]:
    """A viewer in a zone with an unusual offset, and a metric."""
    with server.client() as client:
        interaction = {"resourceType": "T", "resourceId": "r", "action": "A", "origin": "O"}
        assert client.post("/api/interactions", json=interaction).status_code == 201
        metric = {"name": "All", "metricType": "COUNT"}
        assert client.post("/api/interaction-metrics", json=metric).status_code == 201
    in_zone(browser, OWN)
    browser.sign_in(server.url, server.admin_key)
    yield browser
    in_zone(browser, "")


def in_zone(browser: Browser, zone: str) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})


def minute_shown(browser: Browser) -> int:
    """The difference in minutes to UTC, modulo an hour."""
    shown = browser.find("td time")
    at = datetime.fromisoformat(str(shown.get_attribute("datetime"))).astimezone(UTC)
    return (int(shown.text.split(":")[-2][-2:]) - at.minute) % 60


def ticks(browser: Browser) -> list[str]:
    """The labels of the ticks of two hours."""
    browser.find(".plot")
    return [
        tick["above"] for tick in browser.script(f"return Ruler.instants({AT}, {AT} + 7200, 4)")
    ]


def test_the_zone_is_shown_once_and_can_be_utc(abroad: Browser) -> None:
    abroad.open("/web/interactions")
    assert abroad.find(".zone").text == f"Times in {OWN} (UTC+05:45) Show UTC"
    assert minute_shown(abroad) == 45
    abroad.press("Show UTC")
    assert abroad.find(".zone").text == "Times in UTC Show local time"
    assert minute_shown(abroad) == 0
    abroad.driver.refresh()
    assert minute_shown(abroad) == 0, "the choice is stored"
    abroad.press("Show local time")
    assert minute_shown(abroad) == 45


def test_charts_use_the_shown_zone(abroad: Browser) -> None:
    abroad.open("/web/metrics")
    abroad.press("All")
    assert ticks(abroad) == ["16:00", "16:30", "17:00", "17:30"]
    local = abroad.find(".legend p b").text
    abroad.press("Show UTC")
    assert ticks(abroad) == ["10:00", "10:30", "11:00", "11:30"]
    assert abroad.find(".legend p b").text != local
    offsets = abroad.script(
        "return Ruler.instants(1703900000, 1703900000 + 90 * 86400, 4).map(t => t.at % 86400)"
    )
    assert set(offsets) == {0}, "months begin at midnight in UTC"


def test_a_page_without_times_shows_no_zone(abroad: Browser) -> None:
    abroad.open("/web/catalog/action/new")
    assert not abroad.find(".zone").is_displayed()


def test_a_viewer_in_utc_has_no_choice_of_zones(abroad: Browser) -> None:
    in_zone(abroad, "Etc/UTC")
    abroad.open("/web/interactions")
    assert abroad.find(".zone").text == "Times in UTC"


def test_an_offset_that_changes_over_the_year_is_marked_as_current(abroad: Browser) -> None:
    in_zone(abroad, "Europe/Berlin")
    abroad.open("/web/interactions")
    assert abroad.find(".zone").text.startswith("Times in Europe/Berlin (UTC+0")
    assert " now)" in abroad.find(".zone").text
