"""A form shows errors only after input; before, it names the fields to fill in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server

FORMS = (
    *("/web/metrics/new", "/web/alerts/new", "/web/alerts/new?metric={}", "/web/channels/new"),
    *("/web/subscriptions/new", "/web/silences/new", "/web/catalog/action/new", "/web/keys"),
    *("/web/interactions", "/web/metrics", "/web/metrics/new?metricType=SUM"),
)
_RED = """
const red = (element) => {
  const [r, g, b] = getComputedStyle(element).color.match(/[\\d.]+/g).map(Number);
  return r > 1.5 * g && r > 1.5 * b;
};
const shown = [...document.querySelectorAll("main *")].filter((e) => e.checkVisibility());
return shown.filter(red).map((e) => e.outerHTML.slice(0, 120));
"""


@pytest.fixture
def admin(browser: Browser, server: Server) -> Browser:
    browser.sign_in(server.url, server.admin_key)
    return browser


@pytest.fixture(scope="module")
def metric(server: Server) -> str:
    with server.client() as client:
        spec = {"name": "All", "metricType": "COUNT"}
        return str(client.post("/api/interaction-metrics", json=spec).json()["metricId"])


def settled(browser: Browser) -> None:
    browser.until(lambda: browser.script("return document.readyState") == "complete")
    browser.until(lambda: not browser.all("#preview[aria-busy]"))


@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_was_just_opened_shows_no_errors(
    admin: Browser, metric: str, path: str
) -> None:
    admin.open(path.format(metric))
    settled(admin)
    assert admin.script(_RED) == []
    assert admin.all("main [aria-invalid='true']") == []


@pytest.mark.usefixtures("metric")
def test_an_alert_form_names_missing_fields_and_then_invalid_ones(admin: Browser) -> None:
    admin.open("/web/alerts/new")
    admin.until_says("Enter a metric and a threshold")
    admin.type("Title", "t")
    admin.choose("Metric", "All")
    admin.until(lambda: "Enter a threshold" in admin.text)
    assert admin.script(_RED) == []
    admin.type("Threshold", "many")
    admin.until_says("must be a finite number")
    assert len(admin.script(_RED)) > 0
    admin.type("Threshold", "5")
    admin.until_says("Would not have fired")
    assert admin.script(_RED) == []


@pytest.mark.usefixtures("metric")
def test_missing_fields_are_errors_after_the_form_was_submitted(admin: Browser) -> None:
    admin.open("/web/alerts/new")
    settled(admin)
    admin.press("Create alert")
    admin.until_says("This cannot be saved yet")
    assert [problem.text for problem in admin.all("label .problem")] == ["is required"] * 3


@pytest.mark.usefixtures("metric")
def test_a_metric_form_names_missing_fields(admin: Browser) -> None:
    admin.open("/web/metrics/new")
    admin.choose("Aggregation", "Sum of a field")
    admin.until_says("Enter a field to see the preview.")
    admin.press("+ Add a condition")
    admin.type("Field", "interaction.n")
    admin.choose("Kind of value", "number")
    admin.until_says("Enter a field and the value of a condition to see the preview.")
    assert admin.script(_RED) == []
    admin.type("Value", "x")
    admin.until_says("is not a number")
