"""Browsing as a person does: look, type, choose, press; nothing is waited for by the clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE_SECONDS = 20
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
    ),
)


def start_browser(chromium: Path, driver: Path, folder: Path) -> Browser:
    options = ChromeOptions()
    options.binary_location = str(chromium)
    for option in (*_OPTIONS, f"--user-data-dir={folder}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Browser(Chrome(options=options, service=Service(str(driver))))


class Browser:
    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.url = ""

    def forget(self) -> None:
        """As if nobody had been here: no cookies, and no complaints about what others did."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.complaints()

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def open_at(self, url: str) -> None:
        self.url = url
        self.driver.get(url)

    def sign_in(self, url: str, key: str) -> None:
        self.open_at(url)
        self.type("Key", key)
        self.press("Sign in")
        self.until(lambda: not self.path.startswith("/web/sign-in"))

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)

    @property
    def path(self) -> str:
        return str(self.driver.execute_script("return location.pathname"))

    @property
    def text(self) -> str:
        # In one go: a page that gives way to the next meanwhile has no elements left to ask.
        return str(self.script("return document.body ? document.body.innerText : ''"))

    def refreshed(self) -> str:
        """The text of the page, asked for anew."""
        self.driver.refresh()
        return self.text

    def script(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def fetch(self, path: str) -> str:
        """The response to the session's request of an address."""
        asking = f"return fetch({path!r}).then(answer => answer.text())"
        return str(self.driver.execute_script(asking))

    def find(self, css: str) -> WebElement:
        element: WebElement = self.until(
            lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, css)), None)
        )
        return element

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def active(self) -> WebElement:
        return self.driver.switch_to.active_element

    def labelled(self, label: str) -> WebElement:
        """The field with this label, by whichever way it has it."""
        quoted = f'"{label}"'
        path = (
            f"//label[span[starts-with(normalize-space(), {quoted})]]"
            f"//*[self::input or self::select or self::textarea]"
            f" | //*[@id=//label[normalize-space()={quoted}]/@for]"
            f" | //*[@aria-label={quoted} and not(ancestor::template)]"
        )
        element: WebElement = self.until(
            lambda: next(iter(self.driver.find_elements(By.XPATH, path)), None)
        )
        return element

    def type(self, label: str, text: str) -> None:
        field = self.labelled(label)
        field.clear()
        field.send_keys(text)

    def choose(self, label: str, text: str) -> None:
        Select(self.labelled(label)).select_by_visible_text(text)

    def leave(self, label: str) -> None:
        """Go on to the next field, which is when a field tells that it was changed."""
        self.labelled(label).send_keys("\t")

    def offered_fields(self) -> list[str]:
        return list(
            self.script("return [...document.querySelectorAll('#fields option')].map(o => o.value)")
        )

    def offered_operators(self) -> list[str]:
        offered = "document.querySelectorAll('[data-row] [data-operator] option:not([disabled])')"
        return list(self.script(f"return [...{offered}].map(o => o.text)"))

    def press(self, name: str) -> None:
        """A button or a link, by its text."""
        path = f'//*[self::button or self::a][normalize-space()="{name}"]'
        self.until(lambda: next(iter(self.driver.find_elements(By.XPATH, path)), None)).click()

    def until_says(self, text: str) -> None:
        self.until(lambda: text in self.text, f"{text!r} is not on the page")

    def until(self, condition: Callable[[], Any], otherwise: str = "") -> Any:
        waiting = WebDriverWait(
            self.driver,
            PATIENCE_SECONDS,
            poll_frequency=0.05,
            # An element may be replaced before its property is read.
            ignored_exceptions=[StaleElementReferenceException],
        )
        return waiting.until(lambda _: condition(), otherwise)

    def widest(self) -> list[str]:
        """The elements that overflow the page, for the message of a test."""
        out = (
            "return [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, pre')"
            " && e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 80))"
        )
        return list(self.script(out))[:5]

    def complaints(self) -> list[str]:
        """The errors and warnings in the browser's console so far."""
        lines = self.driver.get_log("browser")
        return [line["message"] for line in lines if line["level"] in ("SEVERE", "WARNING")]
