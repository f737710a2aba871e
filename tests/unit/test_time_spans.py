"""A search of a large table is divided into spans of time that together are its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tocsin.clickhouse.sql.extent import EMPTY, Extent
from tocsin.ingestion.time_spans import SPAN_ROWS, TimeSpans
from tocsin.model.interactions.search import Search

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
LAST = datetime(2028, 3, 2, 5, 6, 7, 8_000, tzinfo=UTC)
MIDDLE = datetime(2024, 5, 6, tzinfo=UTC)
MANY = TimeSpans(Extent(FIRST, LAST), 100_000_000)


def divided(search: Search, *, is_newest_first: bool) -> list[Search]:
    if is_newest_first:
        return list(MANY.newest_first(search))[::-1]
    return list(MANY.oldest_first(search))


@pytest.mark.parametrize("is_newest_first", [True, False])
@pytest.mark.parametrize(
    "search",
    [
        Search(user_id="u"),
        Search(start=MIDDLE, to=MIDDLE + timedelta(days=200)),
        Search(start=FIRST - timedelta(days=9)),
        Search(to=LAST + timedelta(days=9)),
    ],
)
def test_each_instant_of_a_search_is_in_one_span(search: Search, is_newest_first: bool) -> None:
    spans = divided(search, is_newest_first=is_newest_first)
    assert len(spans) > 1
    assert all(earlier.to == later.start for earlier, later in pairwise(spans))
    assert {span.user_id for span in spans} == {search.user_id}
    first, last = spans[0].start or FIRST, spans[-1].to
    assert first <= max(search.start or FIRST, FIRST)
    assert last is None or last > LAST or last == search.to


def test_the_first_span_of_a_listing_is_short_and_the_rest_takes_few_queries() -> None:
    spans = list(MANY.newest_first(Search()))
    first = spans[0]
    assert first.start
    assert first.to
    assert first.to - first.start < (LAST - FIRST) / (MANY.rows / SPAN_ROWS) * 1.001
    assert len(spans) <= 6


@pytest.mark.parametrize(
    ("spans", "search"),
    [
        (TimeSpans(Extent(FIRST, LAST), SPAN_ROWS), Search()),
        (TimeSpans(EMPTY, 0), Search()),
        (TimeSpans(EMPTY, MANY.rows), Search(to=MIDDLE)),
        (MANY, Search(to=FIRST)),
        (MANY, Search(start=LAST + timedelta(days=1))),
        (TimeSpans(Extent(MIDDLE, MIDDLE), MANY.rows), Search()),
    ],
)
def test_a_search_of_few_interactions_or_none_is_not_divided(
    spans: TimeSpans, search: Search
) -> None:
    assert len(list(spans.newest_first(search))) == len(list(spans.oldest_first(search))) == 1
