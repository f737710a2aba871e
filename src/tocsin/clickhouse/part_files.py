"""Reads the files of a part of the table, which are in its folder or in one archive there.

An archive begins with a byte for its version and the number of its files in eight bytes; then
follow, for each file, the length of its name (a byte, for the names that Tocsin reads), its name,
and its offset and size in the archive in eight bytes each. Integers are little-endian.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

PACKED_FILE = "data.packed"
ROWS_FILE = "count.txt"
"""The file of a part with its number of rows."""
_VERSION = 0
_HEAD, _PLACE = struct.Struct("<BQ"), struct.Struct("<QQ")
# A part has fewer files by far; a damaged number must not be believed.
_MOST_FILES = 100_000


def row_count(part: Path) -> int:
    """The number of rows of a part. Raises OSError, or ValueError if it is damaged."""
    if (packed := part / PACKED_FILE).exists():
        return int(packed_file(packed, ROWS_FILE))
    return int((part / ROWS_FILE).read_bytes())


def packed_file(archive: Path, name: str) -> bytes:
    """The content of a file in an archive. Raises OSError, or ValueError if the archive is damaged
    or lacks the file."""
    with archive.open("rb") as content:
        version, count = _HEAD.unpack(_read(content, _HEAD.size))
        if version != _VERSION or count > _MOST_FILES:
            raise ValueError(f"{archive} is of an unknown version")
        for _ in range(count):
            (length,) = _read(content, 1)
            present = _read(content, length)
            offset, size = _PLACE.unpack(_read(content, _PLACE.size))
            if present == name.encode():
                content.seek(offset)
                return _read(content, size)
    raise ValueError(f"{archive} lacks {name}")


def _read(content: BinaryIO, size: int) -> bytes:
    read = content.read(size)
    if len(read) < size:
        raise ValueError("The archive is cut off")
    return read
