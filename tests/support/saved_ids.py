"""Engines whose filter of ids is kept in a file beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from support.builders import an_interaction
from support.engines import open_engine
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.id_filter_file import IdFilterFile
from tocsin.clickhouse.part_hashes import read_parts

SCOPE = [bytes(16)] * 3
MONTH = 31 * 86_400_000


@contextmanager
def opened(folder: Path, **options: int) -> Iterator[Engine]:
    """An engine whose ids are kept in a file beside it; nothing is learnt or saved."""
    engine = open_engine(folder / "engine", **options)
    list_parts = partial(read_parts, engine.status_queries)
    engine.ids.keep_in(IdFilterFile(folder / "id-filter", list_parts))
    try:
        yield engine
    finally:
        engine.close()


def append(engine: Engine, ids: Sequence[bytes], month: int = 0) -> None:
    """As the committer does."""
    engine.ids.add(ids)
    first = engine.latest_number() + 1
    engine.append(
        [
            an_interaction(
                SCOPE, interaction_id=id, interaction_number=number, timestamp=month * MONTH
            )
            for number, id in enumerate(ids, first)
        ]
    )


def new_ids(count: int, seed: int) -> list[bytes]:
    random = Random(seed)
    return [random.randbytes(16) for _ in range(count)]


def save(folder: Path, months: int = 1, seed: int = 1) -> list[bytes]:
    """Record a hundred ids in each month, and stop; returns the ids."""
    ids = new_ids(100 * months, seed)
    folder.mkdir(exist_ok=True)
    with opened(folder) as engine:
        for month in range(months):
            append(engine, ids[month * 100 : month * 100 + 100], month)
        engine.ids.save()
    return ids


def assert_finds(engine: Engine, recorded: Sequence[bytes]) -> None:
    """Repeats are found, and new ids are not looked up."""
    assert set(engine.ids.find(recorded)) == {*recorded}
    before = engine.ids.looked_up
    assert engine.ids.find(new_ids(100, 99)) == {}
    assert engine.ids.looked_up == before
