"""A chart as a person handles it: point at it, drag across it, read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from selenium.webdriver import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder

from support.browsing import Browser

Values = Sequence[float | None]

MINUTE = 60
START = 1_700_000_040
"""A whole minute, 2023-11-14T22:14:00Z."""

_PLACE = """
const figure = document.createElement("figure");
figure.className = "chart tall";
figure.dataset.chart = JSON.stringify(arguments[0]);
document.querySelectorAll("[data-chart]").forEach((other) => other.remove());
document.querySelector("main").prepend(figure);
Tocsin.prepare(document.querySelector("main"));
"""


class Plot:
    """The one chart of the page that is open."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def place(self, *lines: Values, every: int = MINUTE, **more: Any) -> None:
        """Draw this, in place of what the page has."""
        count = max(map(len, lines))
        data = {
            "times": [START + n * every for n in range(count)],
            "lines": [{"name": f"line {n}", "values": list(v)} for n, v in enumerate(lines)],
            "stacks": False,
            **more,
        }
        self.browser.driver.execute_script(_PLACE, json.loads(json.dumps(data)))

    @property
    def legend(self) -> dict[str, str]:
        """The value beside each name."""
        entries = self.browser.all(".legend li")
        return {e.text.split("\n")[0]: e.text.split("\n")[-1] for e in entries}

    @property
    def instant(self) -> str:
        return self.browser.find(".legend p b").text

    @property
    def spoken(self) -> str:
        """The text that a screen reader speaks for the point."""
        return str(self.browser.find(".plot").get_attribute("aria-valuetext"))

    @property
    def paths(self) -> list[str]:
        return [str(path.get_attribute("d")) for path in self.browser.all(".plot .line")]

    @property
    def words(self) -> list[str]:
        return [text.text for text in self.browser.all(".plot g[aria-hidden] text") if text.text]

    def edges(self) -> tuple[int, int]:
        """Where the axes begin and end, from the middle of the chart."""
        left, right, width = self.browser.script(
            "const [chart] = Charts.drawn.values();"
            "return [chart.left, chart.width - Chart.right, chart.width]"
        )
        return round(left - width / 2), round(right - width / 2)

    def point_at(self, share: float) -> None:
        left, right = self.edges()
        across = round(left + share * (right - left))
        plot = self.browser.find(".plot")
        ActionChains(self.browser.driver, 0).move_to_element_with_offset(plot, across, 0).perform()

    def leave(self) -> None:
        ActionChains(self.browser.driver, 0).move_to_element(self.browser.find("main h1")).perform()

    def drag(self, start: float, end: float) -> None:
        self.point_at(start)
        ActionChains(self.browser.driver, 0).click_and_hold().perform()
        self.point_at(end)
        ActionChains(self.browser.driver, 0).release().perform()

    def double_click(self) -> None:
        plot = self.browser.find(".plot")
        ActionChains(self.browser.driver, 0).double_click(plot).perform()

    def touch(self, share: float) -> None:
        left, right = self.edges()
        finger = ActionBuilder(self.browser.driver, duration=0)
        pointer = finger.add_pointer_input("touch", "finger")
        across = round(left + share * (right - left))
        pointer.create_pointer_move(0, across, 0, self.browser.find(".plot"))
        pointer.create_pointer_down(button=0)
        pointer.create_pointer_up(button=0)
        finger.perform()

    def keys(self, *keys: str) -> None:
        self.browser.find(".plot").send_keys(*keys)
