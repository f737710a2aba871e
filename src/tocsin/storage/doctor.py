"""Examines a deployment without changing it, for `tocsin doctor`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tocsin.config import Settings
from tocsin.errors import DataFolderInUse, TocsinError
from tocsin.storage.disk import Disk
from tocsin.storage.folder_lock import lock
from tocsin.store.database import store_contents


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing that was examined: its name, its state, and its problems in sentences."""

    name: str
    state: str
    problems: tuple[str, ...] = ()


Examine = Callable[[], tuple[str, list[str]]]


def examine(settings: Settings) -> list[Examination]:
    """Examine the servers, or the data folder, that the settings name."""
    links = Examination("links", settings.base_url or "none, because TOCSIN_BASE_URL is not set")
    if not settings.is_server_mode:
        return [*_examine_folder(settings.data_dir), links]
    from tocsin.storage.server_doctor import server_examinations

    return [*(_attempted(name, run) for name, run in server_examinations(settings)), links]


def _examine_folder(folder: Path) -> list[Examination]:
    if not folder.is_dir():
        state = f"{folder.absolute()} does not exist; `tocsin serve` creates it"
        return [Examination("data folder", state)]
    return [
        _attempted("data folder", lambda: _folder(folder)),
        _attempted("disk", lambda: (f"{folder.absolute()}", Disk([folder], []).problems())),
        _attempted("store", lambda: _store(folder / "store.sqlite")),
        _attempted("engine", lambda: _engine(folder)),
    ]


def _folder(folder: Path) -> tuple[str, list[str]]:
    try:
        with closing(lock(folder)):
            return "not in use", []
    except DataFolderInUse as error:
        return error.detail.partition(":")[0], []


def _store(path: Path) -> tuple[str, list[str]]:
    contents = store_contents(path)
    state = f"folder id {contents.folder_id}" if contents.folder_id else "new"
    return state, []


def _engine(folder: Path) -> tuple[str, list[str]]:
    """Only one process can open the engine, so its contents are checked by the server."""
    if (folder / "engine").is_dir():
        return "present; the server checks its parts at each start", []
    if not store_contents(folder / "store.sqlite").has_tables:
        return "new", []
    return "missing", ["engine/ is missing, but store.sqlite belongs to a folder that had one"]


def _attempted(name: str, run: Examine) -> Examination:
    try:
        state, problems = run()
    except TocsinError as error:
        return Examination(name, "not examined", (error.detail,))
    return Examination(name, state, tuple(problems))
