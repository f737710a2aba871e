"""Keeps the filter of recorded ids in a file beside the engine's folder, for the next start.

The file names the parts whose ids it has. Parts never change, so a start learns the ids of other
parts only (decision 101).

A line of JSON describes the segments and the parts. The words of the segments follow, little-endian
as in memory, and a hash of all that. The file is renamed when it is complete, but not synchronized:
one that a power failure left torn has another length or another hash, and is not used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import structlog

from tocsin.clickhouse.bloom_filter import IdFilter, Segment
from tocsin.clickhouse.part_hashes import PartHashes

log = structlog.get_logger()

FORMAT = 1
"""Another one whenever an id gets other bits, or the file another form."""
SPARE_BYTES = 256 << 20
"""The file leaves at least so much of the disk free, because recording needs it more."""
_PIECE_BYTES = 1 << 20
_LONGEST_HEADER = 64 << 20
_HASH_BYTES = 32


class _SegmentHeader(msgspec.Struct):
    capacity: int
    ids: int


class _Header(msgspec.Struct):
    format: int
    most_bytes: int
    """The bytes that the filter might have, by a setting."""
    segments: list[_SegmentHeader]
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """The segments contain the ids of all interactions in the parts."""

    parts: PartHashes
    segments: Sequence[Segment]

    @property
    def ids(self) -> int:
        return sum(segment.ids for segment in self.segments)


class IdFilterFile:
    """One thread at a time uses the file."""

    def __init__(self, path: Path, list_parts: Callable[[], PartHashes]) -> None:
        self.list_parts = list_parts
        self._path = path
        self._new = path.with_name(f"{path.name}.new")

    def read(self, most_bytes: int) -> SavedFilter | None:
        """The content of the file; None if there is none, if it is damaged, or if it was written
        with another setting or by another version."""
        try:
            # A crash may have left it.
            self._new.unlink(missing_ok=True)
            with self._path.open("rb") as file:
                return _read(file, most_bytes)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.warning("id filter file not used", reason=str(error))
            return None

    def write(self, known: IdFilter, parts: PartHashes) -> None:
        """Replace the file. The filter has to contain the ids of the parts, and ids may be added
        meanwhile. Raises OSError, and leaves the former file."""
        segments = known.segments
        free = shutil.disk_usage(self._path.parent).free
        if free < (size := sum(segment.size for segment in segments)) + SPARE_BYTES:
            raise OSError(f"{size:,} bytes would leave too little of {free:,} free bytes")
        try:
            descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as file:
                hashed = hashlib.blake2b(digest_size=_HASH_BYTES)
                for piece in _pieces(known.most_bytes, segments, parts):
                    hashed.update(piece)
                    file.write(piece)
                file.write(hashed.digest())
            self._new.rename(self._path)
        except BaseException:
            self._new.unlink(missing_ok=True)
            raise


def _pieces(most_bytes: int, segments: Sequence[Segment], parts: PartHashes) -> Iterator[bytes]:
    about = [_SegmentHeader(segment.capacity, segment.ids) for segment in segments]
    yield msgspec.json.encode(_Header(FORMAT, most_bytes, about, dict(parts))) + b"\n"
    for segment in segments:
        words = segment.words
        for start in range(0, len(words), _PIECE_BYTES):
            # Copied, because what is hashed has to be what is written.
            yield bytes(words[start : start + _PIECE_BYTES])


def _read(file: IO[bytes], most_bytes: int) -> SavedFilter:
    line = file.readline(_LONGEST_HEADER)
    header = msgspec.json.decode(line, type=_Header)
    if (header.format, header.most_bytes) != (FORMAT, most_bytes):
        raise ValueError("it is of another version, or TOCSIN_ID_FILTER_BYTES has changed")
    size = sum(Segment.size_of(about.capacity) for about in header.segments)
    # Before anything is allocated.
    if os.fstat(file.fileno()).st_size != len(line) + size + _HASH_BYTES:
        raise ValueError("it is not complete")
    hashed = hashlib.blake2b(line, digest_size=_HASH_BYTES)
    segments = [Segment(about.capacity, about.ids) for about in header.segments]
    for segment in segments:
        words = segment.words
        for start in range(0, len(words), _PIECE_BYTES):
            piece = words[start : start + _PIECE_BYTES]
            file.readinto(piece)  # type: ignore[attr-defined]
            hashed.update(piece)
    if file.read() != hashed.digest():
        raise ValueError("it is damaged")
    return SavedFilter(header.parts, segments)
