"""Restores a backup into an empty data folder, and verifies one by restoring it elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tocsin.config import Settings
from tocsin.model.instant import format_instant
from tocsin.process.clock import SystemClock
from tocsin.storage.backup import STORE
from tocsin.storage.backup_leftovers import ID_FILTER, RESTORING
from tocsin.storage.backup_manifest import InvalidBackup, Manifest, read_manifest
from tocsin.storage.data_folder import open_data_folder
from tocsin.storage.durable_files import copy_hashed, require_empty, sync_folder
from tocsin.storage.folder_lock import LOCK, lock, open_folder
from tocsin.storage.ledger_file import add_ledger
from tocsin.store.database import Database
from tocsin.store.restored_deliveries import end_unsent

Progress = Callable[[int], object]


def restore(
    backup: Path,
    folder: Path,
    progress: Progress = lambda _: None,
    ledger: Path | None = None,
) -> Manifest:
    """Restore a backup into a data folder that is empty or does not exist. Calls `progress` with
    the number of bytes of each file that was copied.

    Deliveries that were pending are not sent: they may have been sent since the backup. The
    erasures of a `ledger` that are later than the backup are applied before the folder serves.
    Raises InvalidBackup, InvalidSettings or DataFolderInUse.
    """
    manifest = _restore(backup, folder, progress, ledger)
    os.sync()
    for path in (folder, folder.resolve().parent):
        sync_folder(path)
    return manifest


def _restore(
    backup: Path, folder: Path, progress: Progress, ledger: Path | None = None
) -> Manifest:
    manifest = read_manifest(backup)
    folder = open_folder(folder)
    require_empty(folder, {LOCK, ID_FILTER, RESTORING})
    with closing(lock(folder)):
        work = folder / RESTORING
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        _copy(backup, work, manifest, progress)
        _end_deliveries(work / STORE, manifest.created_at)
        if ledger:
            with closing(Database(work / STORE)) as database:
                add_ledger(database, ledger)
        # Each is refused without the other, so that a crash leaves no half that starts.
        for path in sorted(work.iterdir()):
            path.rename(folder / path.name)
        work.rmdir()
    return manifest


def verify(backup: Path, work: Path | None = None, progress: Progress = lambda _: None) -> Manifest:
    """Restore a backup into a temporary folder in `work`, and compare the interactions with the
    manifest. Raises InvalidBackup."""
    with TemporaryDirectory(prefix="tocsin-verify-", dir=work) as temporary:
        folder = Path(temporary) / "data"
        manifest = _restore(backup, folder, progress)
        with ExitStack() as opened:
            storage = open_data_folder(Settings.load(data_dir=folder), SystemClock(), opened)
            months = storage.engine.sums_by_month(manifest.latest_number)
            problems = [text for texts in storage.problems().values() for text in texts]
        if problems:
            raise InvalidBackup(f"The restored folder has a problem: {problems[0]}")
        for month in sorted({*months, *manifest.months}):
            if months.get(month) != manifest.months.get(month):
                raise InvalidBackup(
                    f"The restored interactions of {month[:4]}-{month[4:]} are not those of the "
                    f"backup: {months.get(month)} instead of {manifest.months.get(month)}"
                )
    return manifest


def _copy(backup: Path, work: Path, manifest: Manifest, progress: Progress) -> None:
    for name, entry in manifest.files.items():
        target = work / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with (backup / name).open("rb") as source:
                copied = copy_hashed(source, target)
        except FileNotFoundError:
            raise InvalidBackup(f"The backup lacks the file {name}") from None
        if copied != entry:
            raise InvalidBackup(f"The file {name} of the backup is damaged: its hash is wrong")
        progress(entry.bytes)
    for name, to in manifest.links.items():
        link = work / name
        link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        link.symlink_to(to)


def _end_deliveries(store: Path, backed_up: datetime) -> None:
    with closing(Database(store)) as database:
        end_unsent(
            database,
            f"Restored from the backup of {format_instant(backed_up)}: it may have been sent since",
        )
