"""A real browser on a real server, and a client of the pages for what needs none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import Browser, start_browser
from fastapi.testclient import TestClient

from tocsin.api.app import create_app
from tocsin.runtime import Runtime
from tocsin.web.app import add_pages

NO_BROWSER = "no browser: apt-get install chromium chromium-driver, then these run too"


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Started once: that takes longer than a test."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip(NO_BROWSER)
    browser = start_browser(Path(chromium), Path(driver), tmp_path_factory.mktemp("browser"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """As it is when nobody has signed in yet, at the width of a desk."""
    one_browser.forget()
    one_browser.resize(1280, 900)
    return one_browser


@pytest.fixture(scope="module")
def site(runtime: Runtime) -> Callable[[str | None], TestClient]:
    """A client of the pages, signed in with a secret if one is given."""
    app = create_app(runtime)
    add_pages(app, runtime)

    admin_key = runtime.settings.admin_key
    assert admin_key

    def client(secret: str | None = admin_key.get_secret_value()) -> TestClient:
        made = TestClient(app, headers={"sec-fetch-site": "same-origin"}, follow_redirects=False)
        if secret is not None:
            answer = made.post("/web/sign-in", data={"key": secret})
            assert answer.status_code == 303, answer.text
        return made

    return client
