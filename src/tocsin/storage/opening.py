"""Opens the data folder. Servers, which the two URLs name, are refused until nodes can use them."""

from __future__ import annotations

from contextlib import ExitStack

from tocsin.config import Settings
from tocsin.errors import InvalidSettings
from tocsin.process.clock import Clock
from tocsin.storage.data_folder import open_data_folder
from tocsin.storage.storage import Storage


def open_storage(settings: Settings, clock: Clock, closing: ExitStack) -> Storage:
    """Open the storage that the settings choose; `closing` will close it.

    Raises DataFolderInUse, IncompleteFolder, InvalidSettings or Unavailable.
    """
    if settings.is_server_mode:
        # Ignoring the URLs would record into a folder that nobody expects.
        raise InvalidSettings(
            "TOCSIN_CLICKHOUSE_URL and TOCSIN_DATABASE_URL cannot be used in this version: unset "
            "both, and name a data folder by TOCSIN_DATA_DIR"
        )
    return open_data_folder(settings, clock, closing)
