"""A service in which nothing is yet: every page says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.browsing import Browser

if TYPE_CHECKING:
    from support.serving import Server


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "Nothing was recorded yet"),
        ("/web/metrics", "No metric yet"),
        ("/web/alerts", "make that first"),
        ("/web/alerts/new", "make that first"),
        ("/web/interactions", "shows how an application sends its first interaction"),
    ],
)
def test_an_empty_page_says_what_to_do_next(
    browser: Browser, server: Server, path: str, says: str
) -> None:
    browser.sign_in(server.url, server.admin_key)
    browser.open(path)
    browser.until_says(says)
    assert browser.complaints() == []
