"""A table that is read from memory, on a real SQLite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Integer, MetaData, RowMapping, Table, Text, Uuid

from tocsin.errors import Conflict, NotFound
from tocsin.model.audit.definitions import Audited
from tocsin.model.audit.entry import AuditSubject
from tocsin.store.cached_table import CachedTable
from tocsin.store.database import Database

Fruit = tuple[UUID, str]

FRUITS = Table(
    "fruits",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("fruit_id", Uuid, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
)

# The audit trail has no kind for a fruit.
AUDITED: Audited[Fruit] = Audited(
    AuditSubject.ERASURE, lambda fruit: fruit[1], lambda fruit: {"name": fruit[1]}
)
AT = datetime(2026, 3, 20, 12, tzinfo=UTC)


def from_row(row: RowMapping) -> Fruit:
    return row["fruit_id"], row["name"]


def to_row(fruit: Fruit) -> dict[str, Any]:
    return {"fruit_id": fruit[0], "name": fruit[1]}


@pytest.fixture
def opened(database: Database) -> Callable[[], CachedTable[Fruit]]:
    """Opens the same table again with each call."""
    with database.writing() as connection:
        FRUITS.create(connection)
    return lambda: CachedTable(database, FRUITS, AUDITED, from_row, to_row)


def create(table: CachedTable[Fruit], name: str) -> Fruit:
    id = uuid4()
    return table.create(id, (id, name), AT)


def replace_by_two_of_one_name(table: CachedTable[Fruit], fruit: Fruit) -> None:
    with table.changing(AT) as change:
        change.delete(fruit[0])
        for id in (uuid4(), uuid4()):
            change.insert(id, (id, "plum"))


def test_items_keep_the_order_of_creation(opened: Callable[[], CachedTable[Fruit]]) -> None:
    table = opened()
    pear, apple, plum = [create(table, name) for name in ("pear", "apple", "plum")]
    table.delete(apple[0], AT)
    renamed = table.replace(pear[0], (pear[0], "quince"), AT)
    assert table.all() == opened().all() == [renamed, plum]


def test_a_failed_change_leaves_memory_and_disk_as_they_are(
    opened: Callable[[], CachedTable[Fruit]],
) -> None:
    table = opened()
    pear = create(table, "pear")
    with pytest.raises(Conflict):
        replace_by_two_of_one_name(table, pear)
    assert table.all() == opened().all() == [pear]


def test_readers_see_a_change_once_it_is_committed(
    opened: Callable[[], CachedTable[Fruit]],
) -> None:
    table = opened()
    pear = create(table, "pear")
    with table.changing(AT) as change:
        change.delete(pear[0])
        assert table.find(pear[0]) == pear
    assert table.find(pear[0]) is None


def test_a_missing_item_is_reported_with_its_kind(
    opened: Callable[[], CachedTable[Fruit]],
) -> None:
    table = opened()
    for read in (table.get, lambda id: table.delete(id, AT)):
        with pytest.raises(NotFound, match="There is no fruit with this id"):
            read(uuid4())
