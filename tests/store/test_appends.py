"""The log of appends in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from support.databases import migrated_database, server_only, url_of
from tocsin.errors import Conflict
from tocsin.model.interactions.append_rows import (
    AppendKind,
    AppendRow,
    AppendState,
    IdRow,
    NewRow,
    Tail,
)
from tocsin.store.advisory_locks import AdvisoryLock
from tocsin.store.appends import Appends
from tocsin.store.database import Database

pytestmark = server_only

FIRST = NewRow(
    5, 0, 3, "a", AppendKind.BLOCK, AppendState.OPEN, b"news", b"i" * 32, b"seed", 1, b"s" * 16
)
SECOND = replace(FIRST, number=8, previous=5, count=1, node="b", news=b"more", ids=b"j" * 16)


@pytest.fixture
def database() -> Iterator[Database]:
    with migrated_database() as name:
        database = Database(url_of(name))
        yield database
        database.close()


@pytest.fixture
def appends(database: Database) -> Appends:
    return Appends(database)


def insert(appends: Appends, *rows: NewRow) -> None:
    with appends.locked() as locked:
        for row in rows:
            locked.insert(row)


def followed(row: NewRow, state: AppendState = AppendState.OPEN, news: bytes = b"") -> AppendRow:
    return AppendRow(row.number, row.previous, row.count, row.node, row.kind, state, news)


def test_the_first_number_of_an_empty_log_is_one(appends: Appends) -> None:
    with appends.locked() as locked:
        assert locked.tail() == Tail(0, 1, 0)
    assert appends.after(0, 0) == []
    assert appends.recent_ids(0) == []


def test_rows_are_read_in_order_and_news_only_where_they_are_new(appends: Appends) -> None:
    insert(appends, FIRST, SECOND)
    with appends.locked() as locked:
        assert locked.tail() == Tail(8, 9, 0)
    assert appends.after(0, 0) == [followed(FIRST, news=b"news"), followed(SECOND, news=b"more")]
    assert appends.after(0, 5) == [followed(FIRST), followed(SECOND, news=b"more")]
    assert appends.after(5, 8) == [followed(SECOND)]


def test_an_exception_rolls_a_row_back(appends: Appends) -> None:
    with pytest.raises(Conflict):
        insert(appends, FIRST, FIRST)
    assert appends.unended() == []


def test_an_open_row_is_ended_once_and_its_node_may_repeat_that(appends: Appends) -> None:
    insert(appends, FIRST)
    assert appends.end_open(5, "a")
    assert appends.end_open(5, "a")
    assert not appends.end_open(5, "b")
    assert [row.state for row in appends.after(0, 0)] == [AppendState.ENDED]
    with appends.locked() as locked:
        assert locked.end(5, "b") is None
        assert locked.end(999, "b") is None


def test_a_row_that_was_set_aside_is_ended_under_the_lock_only(appends: Appends) -> None:
    insert(appends, FIRST, SECOND)
    assert appends.set_aside([5]) == [5]
    assert not appends.end_open(5, "a")
    assert sorted(appends.set_aside([5, 8])) == [8]
    assert appends.end_open(8, "b") is False
    with appends.locked() as locked:
        assert locked.end(5, "a") is AppendState.ASIDE
        assert locked.end(5, "a") is None
    assert appends.set_aside([5]) == []
    assert [row.number for row in appends.unended()] == [8]


def test_unended_rows_have_what_their_closer_needs(appends: Appends) -> None:
    insert(appends, FIRST)
    time.sleep(0.02)
    (row,) = appends.unended()
    assert (row.number, row.last, row.node, row.state) == (5, 7, "a", AppendState.OPEN)
    assert (row.staged, row.news) == (b"s" * 16, b"news")
    assert 0.02 <= row.age < 5


def test_ids_are_read_of_new_rows_only(appends: Appends) -> None:
    insert(appends, FIRST, SECOND)
    first = IdRow(5, 0, AppendKind.BLOCK, AppendState.OPEN, b"i" * 32, b"seed", 1)
    second = IdRow(8, 5, AppendKind.BLOCK, AppendState.OPEN, b"j" * 16, b"seed", 1)
    with appends.locked() as locked:
        assert locked.ids_after(0, []) == [first, second]
        assert locked.ids_after(5, [5]) == [replace(first, ids=b"", generated=0), second]
        assert locked.ids_after(8, [4, 5]) == [replace(first, ids=b"", generated=0)]
        assert locked.ids_after(8, []) == []
    assert appends.recent_ids(0) == [first, second]


def age(database: Database, number: int) -> None:
    with database.writing(AdvisoryLock.APPENDING) as connection:
        aged = "UPDATE appends SET ended_at = now() - interval '2 hours' WHERE number = :number"
        connection.execute(text(aged), {"number": number})


def test_rows_are_removed_from_the_start_of_the_log_only(
    database: Database, appends: Appends
) -> None:
    third = replace(SECOND, number=9, previous=8)
    insert(appends, FIRST, SECOND, third)
    appends.end_open(8, "b")
    age(database, 8)
    appends.prune()
    assert [row.number for row in appends.recent_ids(0)] == [5, 8, 9]
    for number, node in ((5, "a"), (9, "b")):
        appends.end_open(number, node)
        age(database, number)
    assert [row.number for row in appends.recent_ids(10_000)] == [5, 8, 9]
    assert [row.number for row in appends.recent_ids(0)] == [9]
    appends.prune()
    assert [row.number for row in appends.after(0, 0)] == [9]


def test_a_row_without_an_append_has_ended_from_the_start(appends: Appends) -> None:
    insert(appends, NewRow(1, 0, 1, "a", AppendKind.JOIN, AppendState.ENDED))
    assert appends.unended() == []
    assert [row.number for row in appends.recent_ids(60)] == [1]
    assert appends.after(0, 0)[0].kind is AppendKind.JOIN
