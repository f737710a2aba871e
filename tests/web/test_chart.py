"""Charts draw their data, show values at a point, and zoom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

import tocsin.web
from support.browsing import Browser
from support.plotting import Plot

if TYPE_CHECKING:
    from support.serving import Server

STATIC = Path(tocsin.web.__file__).parent / "static"
METRIC = {
    **{"name": "Orders by country", "metricType": "COUNT", "timeWindow": "1h"},
    "groupBy": ["interaction.country"],
}


@pytest.fixture(scope="module")
def ordered(server: Server) -> Server:
    """Three orders from ZA and one from US, five hours ago."""
    at = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
    order = {"resourceType": "ORDER", "resourceId": "1", "action": "PLACED", "origin": "WEB"}
    sent = [
        {**order, "timestamp": at, "interaction": {"country": country}}
        for country in ("ZA", "ZA", "ZA", "US")
    ]
    with server.client() as client:
        assert client.post("/api/interactions/batch", json=sent).json()["accepted"] == 4
        metric = client.post("/api/interaction-metrics", json=METRIC).json()["metricId"]
        alert = {"title": "Many", "metricId": metric, "operator": "gt", "threshold": 2}
        client.post("/api/interaction-alerts", json={**alert, "alertAction": "fired"})
    return server


@pytest.fixture
def plot(browser: Browser, ordered: Server) -> Plot:
    """The chart on the page of the metric."""
    browser.sign_in(ordered.url, ordered.admin_key)
    browser.open("/web/metrics?q=Orders")
    browser.press("Orders by country")
    browser.find(".plot")
    return Plot(browser)


def requested_range(plot: Plot) -> list[str]:
    return list(parse_qs(urlsplit(plot.browser.driver.current_url).query))


def test_pointing_shows_the_instant_and_the_value_of_every_group(plot: Plot) -> None:
    assert plot.legend == {"US": "0", "ZA": "0"}
    assert plot.instant.endswith(" (latest)")
    plot.point_at(1 - 4.5 / 24)
    assert plot.legend == {"US": "1", "ZA": "3"}
    assert not plot.instant.endswith(" (latest)")
    assert len(plot.browser.all(".plot .pointer circle")) == 2
    plot.leave()
    assert plot.legend == {"US": "0", "ZA": "0"}
    assert plot.browser.all(".plot .pointer circle") == []


def test_arrow_keys_move_between_points_and_are_announced(plot: Plot) -> None:
    plot.place([1, 2, 3, 4], [10, 20, None, 40])
    plot.keys(Keys.HOME)
    assert plot.spoken.endswith(": line 0 1, line 1 10")
    plot.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert plot.spoken.endswith(": line 0 3, line 1 –")
    assert plot.legend == {"line 0": "3", "line 1": "–"}
    plot.keys(Keys.END, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert plot.spoken.endswith(": line 0 1, line 1 10")


def test_touch_shows_values(plot: Plot) -> None:
    plot.place([1, 2, 3, 4, 5])
    plot.touch(0.25)
    assert plot.legend == {"line 0": "2"}


def test_dragging_zooms_in_and_a_double_click_zooms_out(plot: Plot) -> None:
    plot.browser.press("6h")
    plot.browser.until(lambda: requested_range(plot) == ["range"])
    plot.drag(0.25, 0.75)
    plot.browser.until(lambda: set(requested_range(plot)) == {"range", "from", "to"})
    plot.browser.until_says("zoomed")
    ends = parse_qs(urlsplit(plot.browser.driver.current_url).query)
    start, to = (datetime.fromisoformat(ends[name][0]) for name in ("from", "to"))
    assert timedelta(hours=2.9) < to - start < timedelta(hours=3.1)
    plot.double_click()
    plot.browser.until(lambda: requested_range(plot) == ["range"])


def test_escape_zooms_out_from_an_empty_range(plot: Plot) -> None:
    plot.drag(0.2, 0.4)
    plot.browser.until_says("No interactions match in this time range")
    plot.browser.find("body").send_keys(Keys.ESCAPE)
    plot.browser.until(lambda: requested_range(plot) == [] and plot.browser.all(".plot"))


def test_a_preview_zooms_within_its_points(plot: Plot) -> None:
    plot.place(list(range(101)))
    plot.drag(0.5, 0.7)
    plot.keys(Keys.HOME)
    assert plot.legend == {"line 0": "50"}
    plot.keys(Keys.END)
    assert plot.legend == {"line 0": "70"}
    plot.browser.press("zoom out")
    plot.keys(Keys.HOME)
    assert plot.legend == {"line 0": "0"}


def test_keys_zoom(plot: Plot) -> None:
    plot.place(list(range(101)))
    plot.keys(Keys.HOME, Keys.SHIFT + Keys.PAGE_DOWN + Keys.ARROW_RIGHT, Keys.NULL, Keys.ENTER)
    plot.keys(Keys.END)
    assert plot.legend == {"line 0": "11"}
    plot.keys(Keys.ESCAPE, Keys.END)
    assert plot.legend == {"line 0": "100"}


def test_a_press_without_a_drag_does_not_zoom(plot: Plot) -> None:
    plot.drag(0.5, 0.5)
    assert requested_range(plot) == []
    assert plot.browser.find(".selection").get_attribute("width") == "0"


def test_a_line_has_a_gap_where_there_is_no_value(plot: Plot) -> None:
    plot.place([None, 1, 2, None, 3, None, 4, 5, None])
    (line,) = plot.paths
    assert [len(run.split("L")) for run in line.split("M")[1:]] == [2, 1, 2]
    assert len(plot.browser.all(".plot .lonely")) == 1


def test_groups_are_stacked_until_the_viewer_switches_that_off(plot: Plot) -> None:
    plot.place([1, 1], [2, 2], stacks=True)
    assert len(plot.browser.all(".plot .area.stacked")) == 2
    first, second = (height(path) for path in plot.paths)
    floor = plot.browser.script("return [...Charts.drawn.values()][0].bottom")
    assert floor - second == pytest.approx(3 * (floor - first), abs=0.3)
    plot.browser.press("stacked")
    first, second = (height(path) for path in plot.paths)
    assert floor - second == pytest.approx(2 * (floor - first), abs=0.3)
    assert plot.browser.all(".plot .area.stacked") == []


def height(path: str) -> float:
    return float(path.split("L")[-1].split(" ")[1])


def test_an_alert_shows_its_threshold_and_when_it_would_have_fired(plot: Plot) -> None:
    plot.browser.open("/web/alerts/new")
    plot.browser.choose("Metric", "Orders by country")
    plot.browser.type("Threshold", "2")
    plot.browser.until_says("Would have fired once in the last 30 days")
    plot.browser.until(lambda: plot.browser.all(".threshold"))
    drawn = plot.browser.find(".threshold")
    at = float(drawn.get_attribute("y1") or 0)
    expected = plot.browser.script("return [...Charts.drawn.values()][0].y(2)")
    assert at == pytest.approx(expected, abs=1)
    assert (plot.browser.find(".firing").get_attribute("d") or "").count("z") == 1
    assert plot.browser.all(".recovery") == []
    summary = str(plot.browser.find("figure > .hidden").get_property("textContent"))
    assert summary.endswith("The threshold is 2. Marked as firing: once.")


def test_the_threshold_is_always_visible(plot: Plot) -> None:
    plot.place([1, 2, 3], threshold=1000, recovery=-50)
    tall = plot.browser.find(".plot").size["height"]
    for line in (".threshold", ".recovery"):
        assert 0 < float(plot.browser.find(line).get_attribute("y1") or 0) < tall


def test_a_chart_has_the_width_of_its_container(plot: Plot) -> None:
    for width in (700, 1200):
        plot.browser.resize(width, 900)
        plot.browser.until(
            lambda: plot.browser.script(
                "const svg = document.querySelector('.plot');"
                "return svg.viewBox.baseVal.width === svg.parentElement.clientWidth"
            )
        )


def test_colours_follow_the_theme(plot: Plot) -> None:
    colour = "return getComputedStyle(document.querySelector('.plot .line')).stroke"
    plot.browser.press("light")
    light = plot.browser.script(colour)
    plot.browser.press("dark")
    plot.browser.until(lambda: plot.browser.script(colour) != light)


def test_a_refreshed_region_keeps_the_marked_point_and_the_focus(plot: Plot) -> None:
    plot.keys(Keys.HOME, Keys.ARROW_RIGHT)
    before = plot.browser.find(".plot")
    plot.browser.script("return Tocsin.refresh()")
    after = plot.browser.find(".plot")
    assert before != after
    assert plot.browser.active() == after
    assert after.get_attribute("aria-valuenow") in ("0", "1")
    assert plot.browser.script("return Charts.drawn.size") == 1
    plot.browser.script("document.activeElement.blur()")
    assert plot.browser.all(".plot .pointer circle") == []


def test_two_thousand_points_of_ten_lines_are_all_drawn(plot: Plot) -> None:
    plot.place(*[[(n * 7919 + k) % 100 for n in range(2000)] for k in range(10)])
    assert [path.count("L") for path in plot.paths] == [1999] * 10
    plot.point_at(0.5)
    assert len(plot.browser.all(".plot .pointer circle")) == 10


@pytest.mark.parametrize(
    "values",
    [
        [0],
        [0, 0, 0],
        [-5, -5],
        [1e308, -1e308, 0],
        [1.7e308, 1.7e308],
        [5e-324, 0],
        [1e17, 1e17 + 16, 1e17],
        [2**53, 2**53 + 2],
        [None, 3, None],
    ],
)
def test_extreme_values_are_drawn(plot: Plot, values: list[float | None]) -> None:
    for stacks in (False, True):
        plot.place(values, values, stacks=stacks)
        assert len(plot.paths) == 2
        for path in plot.paths:
            assert not {"NaN", "Infinity", "undefined"} & set(path.replace("M", " ").split())
        assert 0 < len(plot.browser.all(".plot .grid")) < 40
    assert plot.browser.complaints() == []


def test_all_static_files_are_in_one_folder_and_are_our_own() -> None:
    assert [entry.name for entry in STATIC.iterdir() if entry.is_dir()] == []
    for script in STATIC.glob("*.js"):
        comment, strict, *_ = script.read_text().splitlines()
        assert comment.startswith("// "), script
        assert strict == '"use strict";', script


def test_no_chart_library_is_used() -> None:
    root = Path(__file__).parents[2]
    kept = [root / "README.md", root / "CHANGELOG.md", root / "pyproject.toml"]
    kept += [p for top in ("src", "docs", "tests") for p in (root / top).rglob("*") if p.is_file()]
    kept = [path for path in kept if path.suffix != ".pyc"]
    name = ("u" + "plot").encode()
    assert [str(p) for p in kept if name in p.read_bytes().lower()] == []
