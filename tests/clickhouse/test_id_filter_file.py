"""The filter of ids that a stop saves: a start learns from other parts only, whatever the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.engines import folders_only, merge_parts
from support.saved_ids import append, assert_finds, new_ids, opened, save
from tocsin.clickhouse import recorded_ids
from tocsin.clickhouse.bloom_filter import IdFilter, Segment
from tocsin.clickhouse.part_hashes import read_parts
from tocsin.clickhouse.sql.query import Query
from tocsin.model.ceilings import MIB

pytestmark = folders_only


def test_after_a_stop_nothing_is_read(tmp_path: Path) -> None:
    ids = save(tmp_path, months=3)
    with opened(tmp_path) as engine:
        assert engine.ids.unlearnt_rows == 300
        assert engine.ids.learn()
        assert engine.ids.ids_read == 0
        assert engine.ids.filter.ids == 300
        assert_finds(engine, ids)
        written = (tmp_path / "id-filter").stat().st_mtime_ns
        engine.ids.save()
        assert (tmp_path / "id-filter").stat().st_mtime_ns == written


def test_until_the_file_is_read_all_ids_are_looked_up(tmp_path: Path) -> None:
    ids, later = save(tmp_path), new_ids(50, 2)
    with opened(tmp_path) as engine:
        assert set(engine.ids.find(ids)) == {*ids}
        assert engine.ids.find(later) == {}
        assert engine.ids.looked_up == 150
        append(engine, later)
        assert set(engine.ids.find(later)) == {*later}
        assert engine.ids.learn()
        assert engine.ids.ids_read == 50
        assert engine.ids.filter.ids == 150
        assert_finds(engine, ids + later)


def test_after_a_crash_only_later_parts_are_read(tmp_path: Path) -> None:
    ids, later = save(tmp_path, months=3), new_ids(40, 2)
    with opened(tmp_path) as engine:
        append(engine, later, month=1)
    with opened(tmp_path) as engine:
        seen = set()

        def see() -> bool:
            seen.add(engine.ids.unlearnt_rows)
            return True

        assert engine.ids.learn(see)
        assert (seen, engine.ids.ids_read) == ({40}, 40)
        assert_finds(engine, ids + later)
        engine.ids.save()
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 0
        assert_finds(engine, ids + later)


def test_parts_that_were_merged_since_are_read(tmp_path: Path) -> None:
    ids, later = save(tmp_path, months=2), new_ids(40, 2)
    with opened(tmp_path) as engine:
        append(engine, later, month=1)
        merge_parts(engine)
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        # The part of the first month may be rewritten, too.
        assert engine.ids.ids_read in {140, 240}
        assert engine.ids.filter.ids == 240
        assert_finds(engine, ids + later)


def test_a_merge_while_ids_are_learnt_hides_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_ids, "BLOCK_IDS", 10)
    ids, later, last = save(tmp_path, months=3), new_ids(40, 2), new_ids(40, 3)
    with opened(tmp_path) as engine:
        append(engine, later, month=2)
        append(engine, last, month=0)
    with opened(tmp_path) as engine:
        once = iter([merge_parts])

        def merge_once() -> bool:
            for step in once:
                step(engine)
            return True

        assert engine.ids.learn(merge_once)
        assert_finds(engine, ids + later + last)


def test_what_the_filter_lacks_is_not_saved(tmp_path: Path) -> None:
    ids = save(tmp_path)
    before = (tmp_path / "id-filter").read_bytes()
    with opened(tmp_path) as engine:
        append(engine, later := new_ids(40, 2))
        engine.ids.save()
        assert (tmp_path / "id-filter").read_bytes() == before
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert_finds(engine, ids + later)


def test_parts_of_another_folder_are_read_though_they_have_the_same_names(tmp_path: Path) -> None:
    save(tmp_path / "one", months=2)
    ids = save(tmp_path / "other", months=2, seed=2)
    for name in ("one", "other"):
        with opened(tmp_path / name) as engine:
            names = read_parts(engine.status_queries).keys()
    (tmp_path / "one" / "id-filter").rename(tmp_path / "other" / "id-filter")
    with opened(tmp_path / "other") as engine:
        assert read_parts(engine.status_queries).keys() == names
        assert engine.ids.learn()
        assert engine.ids.ids_read == engine.ids.filter.ids == 200
        assert_finds(engine, ids)


def test_with_another_size_of_the_filter_all_ids_are_read(tmp_path: Path) -> None:
    ids = save(tmp_path)
    with opened(tmp_path, id_filter_bytes=MIB) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 100
        assert engine.ids.filter.size <= MIB
        assert_finds(engine, ids)


@pytest.mark.parametrize(("dropped", "read"), [(1, 0), (2, 300)])
def test_a_file_of_which_a_quarter_was_dropped_is_not_used(
    tmp_path: Path, dropped: int, read: int
) -> None:
    ids = save(tmp_path, months=5)
    with opened(tmp_path) as engine:
        for month in range(dropped):
            engine.run_ddl(Query(f"ALTER TABLE interactions DROP PARTITION {197001 + month}"))
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == read
        assert_finds(engine, ids[100 * dropped :])
        assert engine.ids.find(ids[: 100 * dropped]) == {}


def test_a_filter_of_many_segments_is_learnt_anew(tmp_path: Path) -> None:
    ids = save(tmp_path)
    with opened(tmp_path) as engine:
        engine.ids.filter.adopt([Segment(1_000) for _ in range(9)])
        assert engine.ids.learn()
        engine.ids.filter.adopt([Segment(1_000)])
        append(engine, later := new_ids(10, 2))
        engine.ids.save()
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 110
        assert len(engine.ids.filter.segments) == 1
        assert_finds(engine, ids + later)
        engine.ids.save()
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 0


def test_a_filter_from_a_file_has_room_for_later_ids(tmp_path: Path) -> None:
    save(tmp_path)
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert len(engine.ids.filter.segments) == 1


def test_what_is_learnt_again_is_not_learnt_from_the_file(tmp_path: Path) -> None:
    ids = save(tmp_path)
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        engine.ids.filter = IdFilter()
        engine.load_contents()
        assert engine.ids.unlearnt_rows == 100
        assert engine.ids.learn()
        assert engine.ids.ids_read == 100
        assert_finds(engine, ids)


def test_ids_are_saved_before_the_stop_when_a_start_would_read_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_ids, "MANY_UNSAVED", 50)
    ids, file = new_ids(1_000, 1), tmp_path / "id-filter"
    with opened(tmp_path) as engine:
        engine.run_ddl(Query("SYSTEM STOP MERGES interactions"))
        append(engine, ids[:49])
        engine.ids.save_many()
        assert not file.exists()
        append(engine, ids[49:50])
        engine.ids.save_many()
        written = [file.stat().st_mtime_ns]
        for end in range(100, 1_001, 50):
            append(engine, ids[end - 50 : end])
            engine.ids.save_many()
            written.append(file.stat().st_mtime_ns)
    # Each time that there is a quarter more.
    assert len(set(written)) in range(5, 15)
    header = json.loads(file.read_bytes().partition(b"\n")[0])
    assert sum(segment["ids"] for segment in header["segments"]) >= 750
