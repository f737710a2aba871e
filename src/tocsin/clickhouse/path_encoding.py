"""The spelling of a folder's path that the driver and chDB open, whatever characters it has.

Measured with clickhouse-connect 1.12 and chDB 4.4. A `chdb:///` DSN is taken apart as a URL, but
its path is not unquoted, so neither a quoted nor a plain path is safe in it; the `path` argument
takes every path as it is. chDB then reads what follows a `?` as options, and the binding refuses
names that are not UTF-8. Such a folder is opened by its file descriptor, which has a plain name on
Linux; the prefix `file:` keeps the driver from resolving that name back to the path. The engine
stores no absolute paths, so a folder may be opened by either spelling, and moved.
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
    """Change to a folder whose files the first connection of a process may see as tables.

    chDB (4.4) adds the files of the folder that is current then to the default database; where
    that folder's path has one of `*?{`, every name is a table of it.
    """
    return chdir("/dev")


def _is_plain(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "?" not in path
