"""Opens the two halves of a data folder, `store.sqlite` and `engine/`, if they match.

They need each other: interactions hold ids whose names only the store has. Both hold the id of
their folder; a folder of an earlier version gets one.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from uuid import uuid4

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.folder_contents import EngineContents
from tocsin.clickhouse.id_filter_file import IdFilterFile
from tocsin.clickhouse.part_hashes import read_parts
from tocsin.config import Settings
from tocsin.errors import CannotWrite, IncompleteFolder
from tocsin.process.clock import Clock
from tocsin.storage.backup_leftovers import ID_FILTER, remove_leftovers, require_restored
from tocsin.storage.disk import Disk
from tocsin.storage.folder_lock import lock, open_folder
from tocsin.storage.storage import Storage
from tocsin.store.database import FOLDER_ID, Database, StoreContents, store_contents

log = structlog.get_logger()

_HELD_BY_STORE = "the names of all types, actions and origins, and all metrics, alerts and keys"


def open_data_folder(settings: Settings, clock: Clock, closing: ExitStack) -> Storage:
    """Lock the folder and open both halves; `closing` will close them. Nothing is changed before
    they match.

    Raises DataFolderInUse, IncompleteFolder, InvalidSettings or Unavailable.
    """
    folder = open_folder(settings.data_dir)
    closing.callback(lock(folder).close)
    require_restored(folder)
    remove_leftovers(folder)
    path = folder / "store.sqlite"
    engine, folder_id = _open_engine(folder, store_contents(path), settings)
    closing.callback(engine.close)
    database = Database(path)
    closing.callback(database.close)
    disk = Disk(
        [folder, folder / "engine", path.resolve().parent],
        [engine.write_state, database.write_state],
    )
    storage = Storage(engine, database, disk, str(settings.data_dir), folder)
    storage.recall_parts()
    _mark(storage, folder_id)
    # An engine that is new on purpose lacks everything that the store remembers.
    if settings.accept_loss or settings.accept_new_engine:
        storage.losses.acknowledge(clock.now())
    storage.check(clock.now())
    # Between the last append and the closing of either half.
    closing.callback(lambda: storage.check(clock.now()))
    list_parts = partial(read_parts, engine.status_queries)
    engine.ids.keep_in(IdFilterFile(folder / ID_FILTER, list_parts))
    closing.callback(engine.ids.save)
    return storage


def _open_engine(folder: Path, store: StoreContents, settings: Settings) -> tuple[Engine, str]:
    """The engine, and the id that both halves should hold."""
    folder_id = ""

    def admit(engine: EngineContents) -> None:
        nonlocal folder_id
        folder_id = _agreed_id(
            store,
            engine,
            new_store=settings.accept_new_store,
            new_engine=settings.accept_new_engine,
        )

    engine = Engine(
        folder / "engine",
        memory=settings.query_memory,
        seconds=settings.query_seconds,
        concurrency=settings.query_concurrency,
        max_paths=settings.max_paths,
        id_filter_bytes=settings.id_filter_bytes,
        admit=admit,
    )
    return engine, folder_id


def _mark(storage: Storage, folder_id: str) -> None:
    """Store the id in both halves, in the engine last: until then, an empty engine may get any
    store."""
    try:
        if storage.key_values.get(FOLDER_ID) != folder_id:
            storage.key_values.set(FOLDER_ID, folder_id)
        if storage.engine.folder_id != folder_id:
            storage.engine.set_folder_id(folder_id)
    except CannotWrite as error:
        log.warning("data folder id not stored", reason=error.reason)


def _agreed_id(
    store: StoreContents, engine: EngineContents, *, new_store: bool, new_engine: bool
) -> str:
    """The folder's id that both halves should hold.

    `new_store` and `new_engine` accept a half that is missing, or is that of another folder.
    Raises IncompleteFolder.
    """
    is_first_start = not store.has_tables and not engine.folder_id and not engine.rows
    if store.has_tables and not engine.has_table:
        _require(new_engine, _engine_missing())
    elif not store.has_tables and not is_first_start:
        _require(new_store, _store_missing(engine.rows))
    elif store.folder_id and engine.folder_id and store.folder_id != engine.folder_id:
        _require(new_store or new_engine, _foreign())
    kept = store.folder_id if new_engine else engine.folder_id
    return kept or engine.folder_id or store.folder_id or uuid4().hex


def _require(is_accepted: bool, complaint: str) -> None:
    if not is_accepted:
        raise IncompleteFolder(complaint)
    log.warning("incomplete data folder accepted", complaint=complaint)


def _store_missing(rows: int) -> str:
    return (
        f"store.sqlite is missing or empty, but engine/ holds {rows:,} interactions. It had "
        f"{_HELD_BY_STORE}. Restore store.sqlite from the backup that engine/ belongs to; "
        "or go on without, with an empty store: --accept-new-store"
    )


def _engine_missing() -> str:
    return (
        "engine/ is missing or empty, but store.sqlite belongs to a folder that had one. It had "
        "all interactions. Restore engine/ from the backup that store.sqlite belongs to; "
        "or go on without any interaction: --accept-new-engine"
    )


def _foreign() -> str:
    return (
        "store.sqlite and engine/ belong to two different data folders, so the store cannot name "
        "what the interactions refer to. Restore both from the same backup; or go on with this "
        "pair: --accept-new-store"
    )
