"""On an empty installation, every page names the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "No interactions recorded yet"),
        ("/web/metrics", "No metrics yet"),
        ("/web/alerts", "Create one first"),
        ("/web/alerts/new", "Create one first"),
        ("/web/interactions", "shows how to send the first one"),
    ],
)
def test_an_empty_page_names_the_next_step(
    browser: Browser, server: Server, path: str, text: str
) -> None:
    browser.sign_in(server.url, server.admin_key)
    browser.open(path)
    browser.until_says(text)
    assert browser.complaints() == []
