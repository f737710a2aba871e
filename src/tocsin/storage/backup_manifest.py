"""The manifest of a backup: its files with their hashes, and what its interactions add up to.

It is the last file of a backup, so that a backup without one is incomplete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from tocsin.clickhouse.months import MonthSums
from tocsin.errors import TocsinError

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK = 1024 * 1024


class InvalidBackup(TocsinError):
    """The backup cannot be restored."""

    title = "Invalid backup"


class FileEntry(msgspec.Struct, frozen=True):
    """`sha256` in hexadecimal digits."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """Paths are relative to the backup, with slashes; `links` has the target of each link."""

    format: int
    created_at: datetime
    folder_id: str
    tocsin: str
    latest_number: int
    months: dict[str, MonthSums]
    links: dict[str, str]
    files: dict[str, FileEntry]

    @property
    def interactions(self) -> int:
        return sum(month.count for month in self.months.values())

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files.values())


def read_manifest(backup: Path) -> Manifest:
    """Raises InvalidBackup if it is missing, unreadable or of a later format."""
    path = backup / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        if not backup.is_dir():
            raise InvalidBackup(f"There is no folder {backup}") from None
        raise InvalidBackup(
            f"{backup} is no complete backup: it has no {MANIFEST}, which is written last. "
            "Make another backup, or restore an earlier one"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidBackup(f"{path} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise InvalidBackup(
            f"{backup} has the format {manifest.format}, which Tocsin {manifest.tocsin} wrote; "
            f"this version reads the format {FORMAT}"
        )
    for name in (*manifest.files, *manifest.links):
        if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
            raise InvalidBackup(f"{path} names a file outside of the backup: {name}")
    return manifest


class HashedFile:
    """The chunks of a file; `entry` describes those that were read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._bytes = 0

    def chunks(self) -> Iterator[bytes]:
        while chunk := self._file.read(CHUNK):
            self._hash.update(chunk)
            self._bytes += len(chunk)
            yield chunk

    @property
    def entry(self) -> FileEntry:
        return FileEntry(self._bytes, self._hash.hexdigest())
