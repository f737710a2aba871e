"""Writes files of backups and restores, with their hashes."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import IO

from tocsin.errors import InvalidSettings
from tocsin.storage.backup_manifest import FileEntry, HashedFile


def require_empty(folder: Path, ignored: Collection[str] = ()) -> None:
    """Raises InvalidSettings unless the folder does not exist, or has only ignored entries."""
    if folder.exists() and not folder.is_dir():
        raise InvalidSettings(f"{folder} is not a folder")
    if folder.is_dir() and (entries := {path.name for path in folder.iterdir()} - {*ignored}):
        raise InvalidSettings(
            f"The folder {folder} is not empty: it has {min(entries)}. Name a folder that is "
            "empty, or that does not exist"
        )


def copy_hashed(source: IO[bytes], target: Path) -> FileEntry:
    """Write a new file, which only the owner may read; the caller makes it durable."""
    hashed = HashedFile(source)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.writelines(hashed.chunks())
    return hashed.entry


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is on disk, with its name, when this returns."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
