"""Takes the screenshots of the README from a server with a day of the demo: `make screenshots`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2 as httpx

from support.browsing import Browser, start_browser
from tocsin.cli.definition_entries import read_definitions
from tocsin.cli.demo.sample import interactions
from tocsin.cli.demo.server import running_server
from tocsin.cli.demo.shop import DEFINITIONS

KEY = "the key of the screenshots"
DAY = timedelta(hours=26)
EVERY = 2
"""Every second interaction is recorded, so that loading takes seconds."""

ALERTS = (
    ("Password guessing", "Failed logins by country (5m)", "gt", 90, "critical"),
    ("Checkout is slow", "Slowest checkout, ms (15m)", "gt", 2_000, "warning"),
    ("Few orders", "Order rate (5m)", "lt", 2, "warning"),
)
_BATCH = 5_000


def main(folder: Path) -> None:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        sys.exit("There is no browser: apt-get install chromium chromium-driver")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        running_server("127.0.0.1", None, Path(data), KEY) as server,
        httpx.Client(base_url=server.url, headers={"x-api-key": KEY}, timeout=60) as client,
    ):
        fill(client)
        browser = start_browser(Path(chromium), Path(driver), Path(data) / "browser")
        try:
            take_all(browser, server.url, client, folder)
        finally:
            browser.driver.quit()


def record(client: httpx.Client, start: datetime, end: datetime) -> None:
    sample = islice(interactions(7, start, end), 0, None, EVERY)
    while batch := list(islice(sample, _BATCH)):
        post(client, "/api/interactions/batch", batch)


def fill(client: httpx.Client) -> None:
    now = datetime.now(UTC)
    record(client, now - DAY, now)
    # Loading may take minutes, in which nothing would have happened.
    record(client, now, datetime.now(UTC))
    ids = {}
    for definition in read_definitions(DEFINITIONS):
        metric = post(client, "/api/interaction-metrics", definition)
        ids[metric["name"]] = metric["metricId"]
    for title, metric_name, operator, threshold, severity in ALERTS:
        alert = {"title": title, "metricId": ids[metric_name], "operator": operator}
        alert |= {"threshold": threshold, "severity": severity, "alertAction": "fired"}
        post(client, "/api/interaction-alerts", {**alert, "recoveryAction": "recovered"})
    post(client, "/api/interaction-alerts/evaluate-all", None)


def post(client: httpx.Client, path: str, body: Any) -> Any:
    answer = client.post(path, json=body)
    answer.raise_for_status()
    return answer.json()


def take_all(browser: Browser, url: str, client: httpx.Client, folder: Path) -> None:
    metrics = {m["name"]: m["metricId"] for m in client.get("/api/interaction-metrics").json()}
    alert = client.get("/api/interaction-alerts").json()[0]["alertId"]
    revenue, logins = metrics["Revenue by country (24h)"], metrics["Failed logins by country (5m)"]
    filled = "resourceType=ORDER&action=PLACED&metricType=SUM&field=interaction.total&timeWindow=1h"
    chosen = f"{filled}&groupBy=interaction.country&name=Revenue+by+country"
    browser.resize(1280, 860)
    browser.sign_in(url, KEY)
    for name, path, theme in (
        ("overview", "/", "light"),
        ("new-metric", f"/web/metrics/new?{chosen}", "light"),
        ("metric", f"/web/metrics/{revenue}?range=24h", "dark"),
        ("alert", f"/web/alerts/{alert}?range=6h", "light"),
        ("new-alert", f"/web/alerts/new?metric={logins}", "light"),
    ):
        take(browser, path, theme, folder / f"{name}.png")
    browser.resize(390, 844)
    take(browser, "/", "dark", folder / "phone.png")


def take(browser: Browser, path: str, theme: str, file: Path) -> None:
    browser.driver.add_cookie({"name": "tocsin_theme", "value": theme, "path": "/"})
    browser.open(path)
    browser.until(lambda: browser.script("return document.readyState") == "complete")
    browser.until(lambda: not browser.all("#preview[aria-busy]"))
    if "alerts/new" in path:
        browser.type("Threshold", "90")
        browser.until(lambda: browser.all("[data-verdict]"))
    pictures = (
        "return [...document.images].every("
        "i => i.complete && i.naturalWidth || i.getBoundingClientRect().top > innerHeight)"
    )
    browser.until(lambda: browser.script(pictures))
    browser.script("document.activeElement.blur()")
    browser.driver.save_screenshot(str(file))
    print(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
