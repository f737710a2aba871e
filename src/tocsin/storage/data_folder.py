"""Opens the two halves of a data folder, `store.sqlite` and `engine/`, if they match.

They need each other: interactions hold ids whose names only the store has. Both hold the id of
their folder; a folder of an earlier version gets one.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from uuid import uuid4

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.folder_contents import EngineContents
from tocsin.config import Settings
from tocsin.errors import CannotWrite, IncompleteFolder, Unavailable
from tocsin.process.clock import Clock
from tocsin.storage.disk import Disk
from tocsin.storage.folder_lock import lock, open_folder
from tocsin.storage.loss_detection import LossDetector
from tocsin.store.database import FOLDER_ID, Database, StoreContents, store_contents
from tocsin.store.key_value import KeyValueStore

log = structlog.get_logger()

_LATEST_NUMBER = "latest interaction number"
_HELD_BY_STORE = "the names of all types, actions and origins, and all metrics, alerts and keys"


class DataFolder:
    """An engine and a store that belong together, both open, and the state of their disk."""

    def __init__(self, settings: Settings, clock: Clock, closing: ExitStack) -> None:
        """Lock the folder and open both; `closing` will close them. Nothing is changed before they
        match.

        Raises DataFolderInUse, IncompleteFolder, InvalidSettings or Unavailable.
        """
        folder = open_folder(settings.data_dir)
        closing.callback(lock(folder).close)
        path = folder / "store.sqlite"
        store = store_contents(path)
        folder_id = ""

        def admit(engine: EngineContents) -> None:
            nonlocal folder_id
            folder_id = _agreed_id(
                store,
                engine,
                new_store=settings.accept_new_store,
                new_engine=settings.accept_new_engine,
            )

        self.engine = Engine(
            folder / "engine",
            memory=settings.query_memory,
            seconds=settings.query_seconds,
            concurrency=settings.query_concurrency,
            max_paths=settings.max_paths,
            admit=admit,
        )
        closing.callback(self.engine.close)
        self.database = Database(path)
        closing.callback(self.database.close)
        self.key_values = KeyValueStore(self.database)
        self.losses = LossDetector(self.engine, self.key_values)
        self.disk = Disk(
            [folder, folder / "engine", path.resolve().parent],
            [self.engine.write_state, self.database.write_state],
        )
        self._mark(folder_id)
        # An engine that is new on purpose lacks everything that the store remembers.
        if settings.accept_loss or settings.accept_new_engine:
            self.losses.acknowledge(clock.now())
        self.check(clock.now())
        # Between the last append and the closing of either half.
        closing.callback(lambda: self.check(clock.now()))

    def check(self, at: datetime) -> None:
        """Detect losses and store the present numbers; logs a failure of the engine or store."""
        try:
            self.remember_number()
            self.losses.check(at)
        except Unavailable as error:
            log.warning("interactions not counted", reason=error.detail)

    def problems(self) -> dict[str, list[str]]:
        """Sentences about a disk that takes no writes, and about losses, by kind."""
        return {"disk": self.disk.problems(), "losses": self.losses.problems()}

    def latest_number(self) -> int:
        """The greatest number that an interaction has or had."""
        remembered = int(self.key_values.get(_LATEST_NUMBER) or 0)
        return max(self.engine.latest_number(), remembered)

    def remember_number(self) -> None:
        number = str(self.latest_number())
        # The newest interaction may expire or be lost; its number must not be assigned again.
        if number != self.key_values.get(_LATEST_NUMBER):
            self.key_values.set(_LATEST_NUMBER, number)

    def _mark(self, folder_id: str) -> None:
        """Store the id in both halves, in the engine last: until then, an empty engine may get any
        store."""
        try:
            if self.key_values.get(FOLDER_ID) != folder_id:
                self.key_values.set(FOLDER_ID, folder_id)
            if self.engine.folder_id != folder_id:
                self.engine.set_folder_id(folder_id)
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
