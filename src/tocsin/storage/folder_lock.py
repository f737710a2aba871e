"""Creates, resolves and locks the data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

import structlog

from tocsin.errors import DataFolderInUse, InvalidSettings

log = structlog.get_logger()

LOCK = "tocsin.lock"
"""The name of the file in a data folder that its process locks."""


def open_folder(path: Path) -> Path:
    """The resolved path of the folder, which is created if it does not exist."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path.resolve(strict=True)
    except OSError as error:
        raise InvalidSettings(f"Cannot use {path} as data folder: {error.strerror}") from error


def lock(folder: Path) -> IO[str]:
    """Hold the folder for this process; the lock ends with it, however it ends."""
    try:
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise InvalidSettings(f"Cannot write to {folder}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip()
        file.close()
        raise DataFolderInUse(
            f"The data folder {folder} is in use by process {owner or 'unknown'}: "
            "stop it first, or choose another --data-dir"
        ) from None
    _write_owner(file)
    return file


def _write_owner(file: IO[str]) -> None:
    """Write the process id for error messages; the lock does not depend on it."""
    try:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    except OSError as error:
        log.warning("lock file not written", reason=error.strerror)
