"""The types of fields are found without reading the parts in which they are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.builders import an_interaction
from support.engines import folders_only, open_engine
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.table import ANY_TYPE, JsonType
from tocsin.clickhouse.typed_parts import TypedParts

pytestmark = folders_only
SCOPE = [bytes(16)] * 3
MONTH = 31 * 86_400_000
STRING, INTEGER = {JsonType.STRING}, {JsonType.INTEGER}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine"


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    opened = open_engine(folder)
    yield opened
    opened.close()


def append(engine: Engine, payload: bytes, month: int = 0, **members: Any) -> None:
    id = engine.latest_number() + 1
    engine.append(
        [
            an_interaction(
                SCOPE,
                interaction_id=id.to_bytes(16),
                interaction_number=id,
                timestamp=month * MONTH,
                payload=payload,
                **members,
            )
        ]
    )


def known_in(engine: Engine) -> TypedParts:
    engine.load_field_types()
    known = engine.types.read()
    assert known
    return known


def test_nothing_is_known_before_the_types_are_loaded(engine: Engine) -> None:
    append(engine, b'{"a": 1}')
    assert engine.types.read() is None


def test_only_parts_that_are_new_are_read_for_types(engine: Engine, folder: Path) -> None:
    payload = b'{"a": 1, "b": {"c": "x"}, "d": 36893488147419103232}'
    append(engine, payload, big_integers=["interaction.d"])
    known = known_in(engine)
    append(engine, b'{"a": "x", "e": {}}', leafless_objects=["interaction.e"])
    engine.close()
    again = open_engine(folder)
    of = again.field_types.of
    again.types.recall(known)
    assert of(("a",)) == ANY_TYPE
    again.load_field_types()
    assert of(("a",)) == {JsonType.STRING, JsonType.INTEGER}
    assert of(("b",)) == of(("e",)) == {JsonType.OBJECT}
    assert of(("b", "c")) == STRING
    assert JsonType.BIG_INTEGER in of(("d",))
    # A type that is not known although its part is: the part was not read.
    fewer = TypedParts(known.parts, [(["b"], [JsonType.OBJECT])])
    again.close()
    again = open_engine(folder)
    again.types.recall(fewer)
    again.load_field_types()
    assert again.field_types.of(("a",)) == STRING
    again.close()


def test_parts_that_are_there_no_more_are_read_under_their_new_names(
    engine: Engine, folder: Path
) -> None:
    append(engine, b'{"a": 1}')
    known = known_in(engine)
    renamed = TypedParts(dict.fromkeys(known.parts, "another hash"), known.types)
    append(engine, b'{"a": "x"}')
    engine.close()
    again = open_engine(folder)
    again.types.recall(renamed)
    again.load_field_types()
    assert again.field_types.of(("a",)) == {JsonType.STRING, JsonType.INTEGER}
    again.close()


def test_the_paths_of_a_month_that_was_dropped_are_forgotten_by_the_next_start(
    engine: Engine, folder: Path
) -> None:
    append(engine, b'{"old": 1}')
    append(engine, b'{"new": 1}', month=1)
    known = known_in(engine)
    engine.drop_months_before(datetime(1970, 2, 1, tzinfo=UTC))
    assert engine.types.read() is None
    engine.close()
    again = open_engine(folder)
    again.types.recall(known)
    again.load_field_types()
    assert again.field_types.of(("old",)) == set()
    assert again.field_types.of(("new",)) == INTEGER
    again.close()
