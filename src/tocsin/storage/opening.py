"""Opens what holds the data: a data folder, or a ClickHouse server and PostgreSQL."""

from __future__ import annotations

from contextlib import ExitStack

import structlog

from tocsin.config import Settings
from tocsin.process.clock import Clock
from tocsin.process.events import Events
from tocsin.storage.data_folder import open_data_folder
from tocsin.storage.storage import Storage

log = structlog.get_logger()


def open_storage(
    settings: Settings, node_id: str, clock: Clock, events: Events, closing: ExitStack
) -> Storage:
    """Open the storage that the settings choose; `closing` will close it. Changes by other nodes
    are published as events.

    Raises DataFolderInUse, IncompleteFolder, InvalidSettings or Unavailable.
    """
    if not settings.is_server_mode:
        return open_data_folder(settings, clock, closing)
    if "data_dir" in settings.model_fields_set:
        # Not refused, because the image sets it.
        log.info("data folder not used", reason="the data is on servers")
    # Imported here, because the embedded deployment needs no driver of PostgreSQL.
    from tocsin.storage.server_storage import open_servers

    return open_servers(settings, node_id, clock, events, closing)
