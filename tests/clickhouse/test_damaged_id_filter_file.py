"""Files of the id filter that are damaged, foreign or cannot be written cost time and no answer."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from support.engines import folders_only
from support.saved_ids import append, assert_finds, new_ids, opened, save
from tocsin.clickhouse import id_filter_file
from tocsin.clickhouse.bloom_filter import IdFilter
from tocsin.clickhouse.id_filter_file import FORMAT

pytestmark = folders_only


def cut(content: bytes) -> bytes:
    return content[:-1]


def with_other_byte(place: Callable[[bytes], int]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        at = place(content)
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return changed


def of_another_version(content: bytes) -> bytes:
    """Correct in all else."""
    line, _, rest = content[:-32].partition(b"\n")
    body = json.dumps(json.loads(line) | {"format": FORMAT + 1}).encode() + b"\n" + rest
    return body + hashlib.blake2b(body, digest_size=32).digest()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "the last byte is missing": cut,
    "it is empty": lambda _: b"",
    "it ends in the header": lambda content: content[:20],
    "it ends after the header": lambda content: content.partition(b"\n")[0] + b"\n",
    "its blocks are zeros": lambda content: bytes(len(content)),
    "it is something else": lambda _: b"null\n",
    "a byte more": lambda content: content + b"\0",
    "another hash of a part": with_other_byte(lambda content: content.index(b"}\n") - 3),
    "another bit of an id": with_other_byte(lambda content: len(content) // 2),
    "another hash": with_other_byte(lambda content: len(content) - 1),
    "a larger segment": lambda content: content.replace(b'"capacity":', b'"capacity":9', 1),
    "another version": of_another_version,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_as_it_was_written_is_not_used(tmp_path: Path, damage: str) -> None:
    ids = save(tmp_path)
    file = tmp_path / "id-filter"
    before = file.read_bytes()
    file.write_bytes(DAMAGES[damage](before))
    assert file.read_bytes() != before
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 100
        assert_finds(engine, ids)
        engine.ids.save()
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 0


def test_a_file_that_cannot_be_read_is_not_used(tmp_path: Path) -> None:
    ids = save(tmp_path)
    (tmp_path / "id-filter").unlink()
    (tmp_path / "id-filter").mkdir()
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 100
        engine.ids.save()
        assert_finds(engine, ids)
    assert [path.name for path in tmp_path.glob("id-filter*")] == ["id-filter"]


def test_a_disk_without_room_keeps_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = save(tmp_path)
    before = (tmp_path / "id-filter").read_bytes()
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        append(engine, later := new_ids(40, 2))
        with monkeypatch.context() as full:
            full.setattr(id_filter_file, "SPARE_BYTES", 1 << 60)
            engine.ids.save()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
        try:
            engine.ids.save()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "id-filter").read_bytes() == before
    assert not (tmp_path / "id-filter.new").exists()
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 40
        assert_finds(engine, ids + later)


def test_a_file_that_a_crash_left_half_is_removed(tmp_path: Path) -> None:
    ids = save(tmp_path)
    (tmp_path / "id-filter.new").write_bytes(b"half")
    with opened(tmp_path) as engine:
        assert engine.ids.learn()
        assert engine.ids.ids_read == 0
        assert_finds(engine, ids)
    assert not (tmp_path / "id-filter.new").exists()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    save(tmp_path)
    assert (tmp_path / "id-filter").stat().st_mode & 0o777 == 0o600


def test_an_id_has_the_bits_of_the_format() -> None:
    """If this fails, FORMAT needs another number: the bits in files would be those of other ids."""
    known = IdFilter()
    known.add(new_ids(1_000, 3))
    (segment,) = known.segments
    bits = hashlib.blake2b(segment.words, digest_size=8).hexdigest()
    assert (FORMAT, segment.capacity, bits) == (1, 262_144, "01dadc2e8a0d8b48")
