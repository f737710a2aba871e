"""Opens what holds the data: a data folder, or a ClickHouse server and PostgreSQL."""

from __future__ import annotations

from contextlib import ExitStack

from tocsin.config import Settings
from tocsin.process.clock import Clock
from tocsin.storage.data_folder import open_data_folder
from tocsin.storage.storage import Storage


def open_storage(settings: Settings, clock: Clock, closing: ExitStack) -> Storage:
    """Open the storage that the settings choose; `closing` will close it.

    Raises DataFolderInUse, IncompleteFolder, InvalidSettings or Unavailable.
    """
    return open_data_folder(settings, clock, closing)
