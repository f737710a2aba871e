"""Files are read from the archive of a part; a damaged archive is a ValueError."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tocsin.clickhouse.part_files import packed_file


def archive(files: dict[str, bytes], version: int = 0) -> bytes:
    index_size = 9 + sum(17 + len(name) for name in files)
    index, contents = struct.pack("<BQ", version, len(files)), b""
    for name, content in files.items():
        place = struct.pack("<QQ", index_size + len(contents), len(content))
        index += bytes([len(name)]) + name.encode() + place
        contents += content
    return index + contents


FILES = {"checksums.txt": b"sums", "count.txt": b"4711", "data.bin": bytes(300)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.packed"
    path.write_bytes(archive(FILES))
    return path


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_read(path: Path, name: str) -> None:
    assert packed_file(path, name) == FILES[name]


def test_a_file_that_is_not_in_the_archive_is_a_value_error(path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks columns\.txt"):
        packed_file(path, "columns.txt")


@pytest.mark.parametrize("size", [0, 5, 20, 60, len(archive(FILES)) - 1])
def test_an_archive_that_is_cut_off_is_a_value_error(path: Path, size: int) -> None:
    path.write_bytes(archive(FILES)[:size])
    with pytest.raises(ValueError, match="cut off"):
        packed_file(path, "data.bin")


def test_an_archive_of_another_version_is_a_value_error(path: Path) -> None:
    path.write_bytes(archive(FILES, version=1))
    with pytest.raises(ValueError, match="unknown version"):
        packed_file(path, "count.txt")


def test_a_damaged_number_of_files_is_a_value_error(path: Path) -> None:
    path.write_bytes(struct.pack("<BQ", 0, 1 << 60))
    with pytest.raises(ValueError, match="unknown version"):
        packed_file(path, "count.txt")
