"""The greatest number is found without reading the parts in which it is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.builders import an_interaction
from support.engines import folders_only, merge_parts, open_engine
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.recorded_numbers import NumberedParts
from tocsin.clickhouse.sql.query import Query

pytestmark = folders_only
SCOPE = [bytes(16)] * 3


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(tmp_path / "engine")
    yield opened
    opened.close()


def append(engine: Engine, *numbers: int) -> None:
    ids = [number.to_bytes(16) for number in numbers]
    engine.append(
        [
            an_interaction(SCOPE, interaction_id=id, interaction_number=number)
            for id, number in zip(ids, numbers, strict=True)
        ]
    )


def test_parts_that_were_known_in_an_earlier_run_are_not_read(engine: Engine) -> None:
    append(engine, 1, 2, 3)
    known = engine.numbers.read()
    assert known.latest == 3
    engine.numbers.recall(NumberedParts(0, known.parts))
    assert engine.latest_number() == 0
    append(engine, 4, 5)
    assert engine.latest_number() == 5


def test_parts_that_were_merged_since_are_read(engine: Engine) -> None:
    append(engine, 1, 2, 3)
    known = engine.numbers.read()
    append(engine, 4, 5)
    merge_parts(engine)
    engine.numbers.recall(known)
    assert engine.latest_number() == 5
    append(engine, 6)
    merge_parts(engine)
    assert engine.latest_number() == 6


def test_a_part_of_the_same_name_and_other_content_is_read(tmp_path: Path) -> None:
    known: list[NumberedParts] = []
    for folder, numbers in (("one", (1, 2, 3)), ("other", (11, 12, 13))):
        engine = open_engine(tmp_path / folder)
        append(engine, *numbers)
        if known:
            assert known[0].parts.keys() == engine.numbers.read().parts.keys()
            engine.numbers.recall(known[0])
            assert engine.latest_number() == 13
        known.append(engine.numbers.read())
        engine.close()


def test_the_number_of_interactions_that_were_dropped_remains_known(engine: Engine) -> None:
    append(engine, 1, 2, 3)
    assert engine.latest_number() == 3
    engine.run_ddl(Query("TRUNCATE TABLE interactions"))
    assert engine.latest_number() == 3
