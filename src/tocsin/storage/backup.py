"""Backs up a data folder while it is used: the engine and the store as of one instant.

While no append is under way, the engine links the files of its parts into a folder, and a
transaction pins the state of the store. Both take milliseconds; the files are read afterwards.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import structlog

from tocsin import __version__
from tocsin.clickhouse.part_files import PACKED_FILE, ROWS_FILE, row_count
from tocsin.errors import Conflict, Unavailable
from tocsin.ingestion.append_log import AppendLog
from tocsin.process.clock import Clock
from tocsin.storage.backup_archive import archive
from tocsin.storage.backup_leftovers import FROZEN, WORK, remove_leftovers
from tocsin.storage.backup_manifest import FORMAT, Manifest
from tocsin.storage.storage import Storage
from tocsin.store.sqlite_snapshot import StoreSnapshot

log = structlog.get_logger()

STORE = "store.sqlite"
ENGINE = "engine"
_TRIES = 20
_PAUSE_SECONDS = 0.1


class Backup:
    """The files of one backup by their paths in it, in a folder that `Backups.end` removes. The
    manifest has no files yet: their hashes are computed while they are read."""

    def __init__(self, files: Mapping[str, Path], manifest: Manifest) -> None:
        self.files = files
        self.manifest = manifest

    def archive(self) -> Iterator[bytes]:
        """The pieces of a tar archive of the files, with the manifest as its last member."""
        return archive(self.files, self.manifest)


class Backups:
    """Makes one backup at a time."""

    def __init__(self, storage: Storage, append_log: AppendLog, clock: Clock) -> None:
        self._storage = storage
        self._append_log = append_log
        self._clock = clock
        self._running = threading.Lock()

    def begin(self) -> Backup:
        """Pin the present state; the caller has to call `end` afterwards.

        Raises Conflict while another backup runs, or if the data is on servers, and Unavailable.
        """
        folder = self._storage.folder
        if folder is None:
            raise Conflict(
                "The data is on servers: back up ClickHouse and PostgreSQL with their own tools, "
                "as docs/how-to/run-on-servers.md describes"
            )
        if not self._running.acquire(blocking=False):
            raise Conflict("A backup is already being made; try again when it has ended")
        try:
            return self._begin(folder)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Remove the files of the backup that was begun."""
        try:
            if self._storage.folder:
                remove_leftovers(self._storage.folder)
        finally:
            self._running.release()

    def _begin(self, folder: Path) -> Backup:
        for _ in range(_TRIES):
            remove_leftovers(folder)
            if backup := self._try_once(folder):
                return backup
            time.sleep(_PAUSE_SECONDS)
        raise Unavailable("Columns or months of the engine kept changing; try again later")

    def _try_once(self, folder: Path) -> Backup | None:
        """None if columns or months changed meanwhile."""
        engine, work = folder / ENGINE, folder / WORK
        definitions = _definitions(engine)
        with self._append_log.quiet():
            at, last = self._clock.now(), self._storage.latest_number()
            self._storage.engine.freeze(FROZEN)
            # After the engine, so that it has all entries that the interactions refer to.
            store = StoreSnapshot(folder / STORE)
        work.mkdir(mode=0o700)
        with closing(store):
            store.copy_to(work / STORE)
        if _definitions(engine) != definitions:
            return None
        files = _written(definitions, work) | _frozen(engine / "shadow" / FROZEN)
        months = self._storage.engine.sums_by_month(last)
        if _rows(files) != sum(month.count for month in months.values()):
            return None
        files[STORE] = work / STORE
        manifest = Manifest(
            format=FORMAT,
            created_at=at,
            folder_id=self._storage.engine.folder_id or "",
            tocsin=__version__,
            latest_number=last,
            months=months,
            links=_links(engine),
            files={},
        )
        log.info("backup begun", interactions=manifest.interactions, files=len(files))
        return Backup(files, manifest)


def _definitions(engine: Path) -> dict[str, bytes]:
    """The small files beside the parts, by path: definitions, and mutations that have not ended."""
    contents = {}
    for path in sorted(engine.glob("store/*/*/*")):
        # A mutation that has ended is removed.
        with suppress(FileNotFoundError):
            if path.is_file():
                contents[f"{ENGINE}/{path.relative_to(engine).as_posix()}"] = path.read_bytes()
    return contents


def _written(definitions: Mapping[str, bytes], work: Path) -> dict[str, Path]:
    files = {}
    for name, content in definitions.items():
        files[name] = work / name
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_bytes(content)
    return files


def _frozen(folder: Path) -> dict[str, Path]:
    """The files of the parts, which the engine froze under their paths."""
    return {
        f"{ENGINE}/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _rows(files: Mapping[str, Path]) -> int:
    """The number of interactions in the parts."""
    parts = {path.parent for path in files.values() if path.name in (ROWS_FILE, PACKED_FILE)}
    return sum(map(row_count, parts))


def _links(engine: Path) -> dict[str, str]:
    return {
        f"{ENGINE}/{path.relative_to(engine).as_posix()}": os.readlink(path)
        for path in sorted((*engine.glob("metadata/*"), *engine.glob("data/*/*")))
        if path.is_symlink()
    }
