"""The first steps of a new user, in a real browser: from signing in to an alert that fires."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server


def login_failed(country: str, attempts: int) -> dict[str, object]:
    return {
        "resourceType": "CUSTOMER",
        "resourceId": f"customer of {country}",
        "action": "LOGIN_FAILED",
        "origin": "WEB",
        "interaction": {"country": country, "attempts": attempts},
    }


@pytest.fixture(scope="module")
def recorded(server: Server) -> Server:
    batch = [login_failed("ZA", 3), login_failed("ZA", 1), login_failed("US", 7)]
    with server.client() as client:
        assert client.post("/api/interactions/batch", json=batch).json()["accepted"] == 3
    return server


def test_a_new_user_signs_in_creates_a_metric_and_an_alert_that_fires(
    browser: Browser, recorded: Server
) -> None:
    browser.open_at(recorded.url)
    browser.type("Key", "not the key")
    browser.press("Sign in")
    browser.until_says("This key is unknown, or was revoked")
    browser.sign_in(recorded.url, recorded.admin_key)
    browser.until_says("A metric is a named question")

    browser.press("New metric")
    browser.type("Name", "Failed logins by country")
    browser.choose("Action", "LOGIN_FAILED")
    browser.until(lambda: "interaction.country" in browser.offered_fields())
    browser.until_says("The number of interactions LOGIN_FAILED in the last hour.")
    browser.until(lambda: browser.find("[data-preview-value]").text == "3")

    browser.press("+ Add a condition")
    browser.type("Field", "interaction.attempts")
    browser.leave("Field")
    browser.until_says("number, 3 times, such as")
    assert "contains" not in browser.offered_operators()
    browser.choose("Operator", ">")
    browser.type("Value", "1")
    browser.until(lambda: browser.find("[data-preview-value]").text == "2")

    browser.press("+ Add a group")
    browser.type("Group by", "interaction.country")
    browser.until_says("for each interaction.country.")
    browser.press("Create metric")
    browser.until(lambda: browser.path.startswith("/web/metrics/") and "/new" not in browser.path)
    browser.until_says("interaction.attempts > 1")
    assert browser.find(".chart .plot").is_displayed()

    browser.press("New alert")
    browser.type("Title", "Password guessing")
    browser.type("Threshold", "0")
    browser.until_says("Would have fired 2 times in the last 30 days")
    browser.press("Create alert")
    browser.until_says("fired ZA")
    browser.until_says("fired US")

    browser.open("/")
    browser.until_says("2 groups are firing")
    browser.until_says("Failed logins by country")
    assert [message for message in browser.complaints() if "401" not in message] == []


def test_times_are_shown_in_the_viewers_zone_and_in_utc_on_hover(
    browser: Browser, recorded: Server
) -> None:
    zone = {"timezoneId": "Asia/Kathmandu"}
    browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", zone)
    try:
        browser.sign_in(recorded.url, recorded.admin_key)
        browser.open("/web/interactions")
        shown = browser.find("td time")
        at = datetime.fromisoformat(str(shown.get_attribute("datetime")))
        assert shown.get_attribute("title") == f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        assert shown.text.endswith(f":{(at.minute + 45) % 60:02d}:{at.second:02d}")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def test_a_search_becomes_a_metric(browser: Browser, recorded: Server) -> None:
    browser.sign_in(recorded.url, recorded.admin_key)
    browser.open("/web/interactions?resourceId=customer+of+ZA&action=LOGIN_FAILED")
    assert len(browser.all("tbody tr")) == 2
    browser.press("Count these")
    browser.until_says("interactions LOGIN_FAILED where resourceId = customer of ZA ever.")
    browser.until(lambda: browser.find("[data-preview-value]").text == "2")


def test_the_switch_of_a_metric_disables_it(browser: Browser, recorded: Server) -> None:
    with recorded.client() as client:
        metric = {"name": "To be switched off", "metricType": "COUNT"}
        id = client.post("/api/interaction-metrics", json=metric).json()["metricId"]
        browser.sign_in(recorded.url, recorded.admin_key)
        browser.open("/web/metrics?q=switched")
        browser.labelled("To be switched off is enabled").click()
        address = f"/api/interaction-metrics/{id}"
        browser.until(lambda: client.get(address).json()["enabled"] is False)


def test_a_search_updates_while_typing_and_slash_focuses_it(
    browser: Browser, recorded: Server
) -> None:
    browser.sign_in(recorded.url, recorded.admin_key)
    browser.open("/web/metrics")
    browser.find("body").send_keys("/")
    browser.active().send_keys("no such metric")
    browser.until_says("No metric matches “no such metric”")
    assert "q=no+such+metric" in browser.driver.current_url


def test_a_user_combines_conditions_in_groups_within_groups(
    browser: Browser, recorded: Server
) -> None:
    browser.sign_in(recorded.url, recorded.admin_key)
    browser.open("/web/metrics/new")
    browser.choose("Action", "LOGIN_FAILED")
    browser.press("+ Add a group of conditions")
    browser.choose("Group", "none of")
    browser.press("+ group")
    outer, inner = browser.all(".group [data-add-row='']")
    inner.click()
    browser.type("Field", "interaction.country")
    browser.type("Value", "US")
    outer.click()
    browser.all(".condition [data-field]")[1].send_keys("interaction.attempts")
    browser.all(".condition [data-value]")[1].send_keys("3")
    browser.until_says("not (interaction.country = US or interaction.attempts = 3)")
    browser.until(lambda: browser.find("[data-preview-value]").text == "1")

    browser.all(".group [data-remove-row]")[1].click()
    browser.until_says("not (interaction.attempts = 3)")
    browser.until(lambda: browser.find("[data-preview-value]").text == "2")
    assert browser.complaints() == []


def test_a_user_measures_a_percentile_of_today_and_compares_with_an_earlier_period(
    browser: Browser, recorded: Server
) -> None:
    browser.sign_in(recorded.url, recorded.admin_key)
    browser.open("/web/metrics/new")
    browser.choose("Action", "LOGIN_FAILED")
    assert not browser.labelled("Percentile").is_displayed()
    browser.choose("Aggregation", "Percentile of a field")
    browser.type("Field", "interaction.attempts")
    browser.press("50")
    browser.until(lambda: browser.find("[data-preview-value]").text == "3")
    assert not browser.labelled("Time zone").is_displayed()
    browser.press("thisMonth")
    browser.type("Time zone", "Asia/Kathmandu")
    browser.until_says("this month (Asia/Kathmandu)")

    browser.choose("Aggregation", "Count")
    browser.press("1h")
    assert not browser.labelled("Earlier by").is_displayed()
    browser.choose("Compare with an earlier period", "the difference: current − base")
    browser.find("[data-fill=offset][data-with='7d']").click()
    browser.until_says("3 vs 0")
    assert not browser.labelled("Minimum base").is_displayed()
    browser.choose("Compare with an earlier period", "the change in percent")
    browser.type("Minimum base", "2")
    browser.until_says("where the base is at least 2")
    assert browser.complaints() == []


def test_a_user_adds_and_removes_a_guard(browser: Browser, recorded: Server) -> None:
    with recorded.client() as client:
        for name in ("Logins to watch", "Logins of a guard"):
            metric = {"name": name, "metricType": "COUNT", "action": "LOGIN_FAILED"}
            assert client.post("/api/interaction-metrics", json=metric).status_code == 201
    browser.sign_in(recorded.url, recorded.admin_key)
    browser.open("/web/alerts/new")
    browser.choose("Metric", "Logins to watch")
    browser.type("Threshold", "0")
    browser.until_says("Would have fired once in the last 30 days")
    browser.press("+ Add a guard")
    browser.choose("Metric of the guard", "Logins of a guard")
    browser.type("Threshold of the guard", "50")
    browser.until_says("Would not have fired in the last 30 days")
    browser.find(".guard [data-remove-row]").click()
    browser.until_says("Would have fired once in the last 30 days")
    assert browser.complaints() == []
