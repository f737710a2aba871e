"""A listing and an export of a large table, which are read span by span, miss nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from support.opening import opened
from tocsin.ingestion import time_spans
from tocsin.ingestion.export import Export
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import format_instant
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.search import Search
from tocsin.runtime import Runtime

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SEARCHES = (
    Search(),
    Search(user_id="u-2"),
    Search(resource_id="nothing"),
    Search(start=FIRST + timedelta(days=30), to=FIRST + timedelta(days=300, milliseconds=1)),
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Sixty interactions in a year; some share an instant."""
    random = Random(7)
    days = [random.choice([random.random() * 365, float(random.randrange(0, 365, 60))])
            for _ in range(60)]  # fmt: skip
    lines = [
        json.dumps(
            {
                "resourceType": "T", "action": random.choice("AB"), "origin": "O",
                "resourceId": "1", "userId": f"u-{random.randrange(4)}",
                "timestamp": format_instant(FIRST + timedelta(days=day)),
            }
        ).encode()
        for day in days
    ]  # fmt: skip
    folder: Path = tmp_path_factory.mktemp("spans")
    with opened(folder / "data") as opened_runtime:
        request = RequestContext(received=0)
        assert opened_runtime.recorder.record_batch(lines, request).accepted == len(lines)
        yield opened_runtime


@pytest.fixture(params=[1, 7, time_spans.SPAN_ROWS])
def span_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(time_spans, "SPAN_ROWS", request.param)
    return int(request.param)


def expected(runtime: Runtime, search: Search) -> list[int]:
    """The numbers of the interactions that match, in the order of time."""
    with_all = [row for block in Export(runtime.engine, runtime.catalog, Search()).blocks()
                for row in block]  # fmt: skip
    assert len(with_all) == 60
    return [row.interaction_number for row in sorted(with_all, key=_key) if _matches(row, search)]


def _key(row: Interaction) -> tuple[int, int]:
    return row.timestamp, row.interaction_number


def _matches(row: Interaction, search: Search) -> bool:
    at = datetime.fromtimestamp(row.timestamp / 1000, UTC)
    return (
        search.user_id in (None, row.user_id)
        and search.resource_id in (None, row.resource_id)
        and (search.start is None or at >= search.start)
        and (search.to is None or at < search.to)
    )


@pytest.mark.usefixtures("span_rows")
@pytest.mark.parametrize("search", SEARCHES)
def test_the_pages_of_a_listing_have_each_interaction_once(
    runtime: Runtime, search: Search
) -> None:
    for limit in (1, 7, 100):
        listed, cursor = [], None
        while True:
            page = runtime.history.page(search, limit, cursor)
            listed += [row.interaction_number for row in page.interactions]
            if (cursor := page.next_cursor) is None:
                break
        assert listed == expected(runtime, search)[::-1]


@pytest.mark.usefixtures("span_rows")
@pytest.mark.parametrize("search", SEARCHES)
def test_an_export_has_each_interaction_once_in_order(runtime: Runtime, search: Search) -> None:
    export = Export(runtime.engine, runtime.catalog, search)
    exported = [row.interaction_number for block in export.blocks() for row in block]
    assert exported == expected(runtime, search)
