"""Encodes a folder's path so that the driver and chDB open it, with any characters in it.

Measured with clickhouse-connect 1.12 and chDB 4.4. The driver parses a `chdb:///` DSN as a URL, but
does not unquote its path, so neither a quoted nor a plain path is safe in it; the `path` argument
takes every path literally. chDB then parses the part after a `?` as options, and the binding
rejects names that are not UTF-8. Such a folder is opened by its file descriptor, which has a plain
name on Linux; the prefix `file:` prevents the driver from resolving that name back to the path. The
engine stores no absolute paths, so a folder may be opened by either spelling, and moved.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, chdir
from pathlib import Path

from tocsin.errors import InvalidSettings

_DESCRIPTORS = Path("/proc/self/fd")


class Location:
    """An engine's folder. All connections of a process must use the same spelling."""

    def __init__(self, folder: Path) -> None:
        """Raises InvalidSettings if there is no spelling for the folder on this system."""
        path = str(folder.resolve())
        self._descriptor: int | None = None
        self.spelling = path
        if _is_plain(path):
            return
        if not _DESCRIPTORS.is_dir():
            raise InvalidSettings(
                f"Cannot use {folder} as data folder: on this system, its path must be UTF-8 and "
                "must not contain a question mark"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.spelling = f"file:{_DESCRIPTORS / str(self._descriptor)}"

    def close(self) -> None:
        """Call after the last connection is closed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def isolated_directory() -> AbstractContextManager[None]:
    """Change to a directory whose files may become tables of the first connection of a process.

    chDB (4.4) adds the files of the current directory to the default database; if the path of that
    directory has one of `*?{`, every name is a table.
    """
    return chdir("/dev")


def _is_plain(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "?" not in path
