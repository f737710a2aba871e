"""A search for a user or a resource finds all of its interactions, and reads few others once the
parts are merged."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from support.builders import an_interaction
from support.engines import counts_reads, merge_parts, open_engine
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.listing import Position, compile_positions, compile_rows
from tocsin.clickhouse.sql.table import Table
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.search import Search

pytestmark = counts_reads
SCOPE = [bytes(16)] * 3
ROWS, APPENDS, RESOURCES, RARE = 40_000, 4, 4_000, 23_456
NAMES = ["", "u", "Ünal ", "用户", "a\x00b", *(f"u-{number}" for number in range(4_000))]
TABLE = Table({})


@pytest.fixture(scope="module")
def interactions() -> list[Interaction]:
    """Of users and resources that are spread over the time; a tenth has no user."""
    random = Random(20)
    return [
        an_interaction(
            SCOPE,
            interaction_id=number.to_bytes(16),
            interaction_number=number,
            timestamp=1_000 * number,
            resource_id="rare" if number == RARE else f"order {random.randrange(RESOURCES)}",
            user_id=_user(number, random),
        )
        for number in range(1, ROWS + 1)
    ]


def _user(number: int, random: Random) -> str | None:
    if number == RARE:
        return "rare"
    return random.choice(NAMES) if random.random() > 0.1 else None


@pytest.fixture(scope="module")
def engine(
    interactions: list[Interaction], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    opened = open_engine(tmp_path_factory.mktemp("indexes") / "engine")
    for first in range(APPENDS):
        opened.append(interactions[first::APPENDS])
    merge_parts(opened)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", [*NAMES[:12], "rare", "nobody"])
def test_all_interactions_of_a_user_are_found(
    engine: Engine, interactions: list[Interaction], name: str
) -> None:
    expected = [row.interaction_number for row in interactions if row.user_id == name]
    assert bool(expected) == (name != "nobody")
    assert found(engine, Search(user_id=name)) == expected[::-1]


@pytest.mark.parametrize("number", [0, 17, RESOURCES])
def test_all_interactions_of_a_resource_are_found(
    engine: Engine, interactions: list[Interaction], number: int
) -> None:
    name = f"order {number}"
    expected = [row.interaction_number for row in interactions if row.resource_id == name]
    assert bool(expected) == (number < RESOURCES)
    assert found(engine, Search(resource_id=name)) == expected[::-1]


@pytest.mark.parametrize("search", [Search(user_id="rare"), Search(resource_id="rare")])
def test_a_search_reads_few_others(engine: Engine, search: Search) -> None:
    assert found(engine, search) == [RARE]
    # Four granules of twenty, unless there is a false positive.
    assert 0 < rows_read(engine, search) < ROWS // 2
    position = Position(1_000 * RARE, RARE, 2)
    assert 0 < engine.profile(compile_rows(search, [position])).rows_read < ROWS // 2


def test_a_search_for_an_unknown_name_reads_next_to_nothing(engine: Engine) -> None:
    assert rows_read(engine, Search(user_id="nobody")) < ROWS // 2
    assert rows_read(engine, Search(resource_id="nothing")) < ROWS // 2


def found(engine: Engine, search: Search) -> list[int]:
    query = compile_positions(search, ROWS, None, TABLE)
    return [number for _, number, _ in engine.search(query)]


def rows_read(engine: Engine, search: Search) -> int:
    return engine.profile(compile_positions(search, ROWS, None, TABLE)).rows_read
