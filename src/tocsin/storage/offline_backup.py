"""Backs up a data folder that no server uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tocsin.config import Settings
from tocsin.ingestion.append_log import LocalAppendLog
from tocsin.process.clock import SystemClock
from tocsin.process.events import Events
from tocsin.storage.backup import Backup, Backups
from tocsin.storage.data_folder import open_data_folder


@contextmanager
def offline_backup(settings: Settings) -> Iterator[Backup]:
    """Hold the folder of the settings, and a backup of it. Raises DataFolderInUse, IncompleteFolder
    or Unavailable."""
    with ExitStack() as opened:
        clock = SystemClock()
        storage = open_data_folder(settings, clock, opened)
        # Nothing is appended while the folder is held.
        append_log = LocalAppendLog(storage.latest_number() + 1, Events())
        backups = Backups(storage, append_log, clock)
        backup = backups.begin()
        opened.callback(backups.end)
        yield backup
