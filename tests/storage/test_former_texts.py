"""Folders of versions that accepted U+0000 in the texts of definitions still open and list."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from fastapi.testclient import TestClient

from support.databases import embedded_only
from support.definitions import (
    ALERTS,
    CATALOG,
    CHANNELS,
    KEYS,
    METRICS,
    SILENCES,
    SUBSCRIPTIONS,
    definitions,
)
from support.opening import ADMIN_KEY, opened
from tocsin.api.app import create_app
from tocsin.web.app import add_pages

pytestmark = embedded_only

STORED = [
    ("catalog", "title", CATALOG, "title"),
    ("catalog", "description", CATALOG, "description"),
    ("keys", "name", KEYS, "name"),
    ("metrics", "name", METRICS, "name"),
    ("metrics", "description", METRICS, "description"),
    ("alerts", "title", ALERTS, "title"),
    ("channels", "name", CHANNELS, "name"),
    ("subscriptions", "title_template", SUBSCRIPTIONS, "template.title"),
    ("subscriptions", "body_template", SUBSCRIPTIONS, "template.body"),
    ("silences", "author", SILENCES, "author"),
    ("silences", "reason", SILENCES, "reason"),
]
PAGES = [
    "/",
    *(f"/web/{page}" for page in ("catalog", "metrics", "alerts", "channels", "subscriptions")),
    *(f"/web/{page}" for page in ("silences", "keys")),
]


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A folder of a version that accepted U+0000 in every text."""
    folder = tmp_path_factory.mktemp("former")
    with opened(folder) as runtime:
        client = TestClient(create_app(runtime), headers={"x-api-key": ADMIN_KEY})
        for path, body in definitions(client).items():
            assert client.post(path, json=body).status_code == 201, path
    with closing(sqlite3.connect(folder / "store.sqlite")) as file:
        for table, column, _, _ in STORED:
            file.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IS NOT NULL", ["a\x00b"])
        file.commit()
    with opened(folder) as runtime:
        app = create_app(runtime)
        add_pages(app, runtime)
        headers = {"x-api-key": ADMIN_KEY, "sec-fetch-site": "same-origin"}
        yield TestClient(app, headers=headers)


@pytest.mark.parametrize(("path", "field"), [(path, field) for _, _, path, field in STORED])
def test_a_text_that_a_former_version_stored_is_listed(
    former: TestClient, path: str, field: str
) -> None:
    answer = former.get(path)
    assert answer.status_code == 200, answer.text
    items = answer.json()
    listed = items if isinstance(items, list) else next(iter(items.values()))
    assert "a\x00b" in [text_of(item, field) for item in listed]


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_show_texts_that_a_former_version_stored(former: TestClient, path: str) -> None:
    assert former.post("/web/sign-in", data={"key": ADMIN_KEY}).status_code == 200
    assert former.get(path).status_code == 200


def text_of(item: dict[str, Any], field: str) -> str:
    name, _, rest = field.partition(".")
    return text_of(item[name] or {}, rest) if rest else item[name]
