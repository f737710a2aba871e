"""Examines a data folder without changing it, for `tocsin doctor`.

Each problem says how to correct it.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tocsin import __version__
from tocsin.config import Settings
from tocsin.errors import DataFolderInUse
from tocsin.model.instant import format_instant
from tocsin.storage.disk import Disk
from tocsin.storage.doctor import Examine
from tocsin.storage.folder_lock import lock
from tocsin.store.database import store_contents
from tocsin.store.survey import Survey, SurveyedChannel, survey

_LITTLE_FREE = 256 * 1024 * 1024
_GIB = 1024**3
_SLOW_MS = 1_000.0
_CLOCK_TOLERANCE_SECONDS = 60.0
_PACKAGES = ("chdb", "tzdata")


def folder_examinations(settings: Settings, now: datetime) -> Iterator[tuple[str, Examine]]:
    """The examinations of an existing data folder by their names."""
    folder = settings.data_dir
    yield "versions", _versions
    yield "data folder", lambda: _folder(folder)
    yield "permissions", lambda: _permissions(folder)
    yield "disk", lambda: _disk(folder)
    yield "clock", lambda: _clock(folder)
    yield "store", lambda: _store(folder / "store.sqlite")
    yield "engine", lambda: _engine(folder)
    yield "retention", lambda: _retention(settings, _survey(folder, now))
    yield "channels", lambda: _channels(settings, _survey(folder, now))
    yield "alerts", lambda: _alerts(_survey(folder, now))


def _versions() -> tuple[str, list[str]]:
    names = [f"Tocsin {__version__}", f"Python {platform.python_version()}"]
    problems = []
    for package in _PACKAGES:
        try:
            names.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            problems.append(f"The package {package} is not installed: install Tocsin again")
    return ", ".join(names), problems


def _folder(folder: Path) -> tuple[str, list[str]]:
    try:
        with closing(lock(folder)):
            return f"{folder.absolute()}, not in use", []
    except DataFolderInUse as error:
        return error.detail.partition(":")[0], []


def _permissions(folder: Path) -> tuple[str, list[str]]:
    mode = stat.S_IMODE(folder.stat().st_mode)
    problems = []
    if mode & 0o077:
        problems.append(
            f"Other users have access to payloads and secrets: run `chmod 0700 {folder.absolute()}`"
        )
    user, paths = os.geteuid(), [folder, *sorted(folder.iterdir())]
    foreign = [path for path in paths if user and path.lstat().st_uid != user]
    if foreign:
        problems.append(
            f"{foreign[0].absolute()} belongs to another user than this one: run tocsin as its "
            "owner, or change the owner of the folder and everything in it with `chown -R`"
        )
    return f"mode {mode:04o}", problems


def _disk(folder: Path) -> tuple[str, list[str]]:
    usage = shutil.disk_usage(folder)
    state = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.1f} GiB free"
    problems = [
        f"{problem}. Free space, as docs/how-to/recover.md describes"
        for problem in Disk([folder], []).problems()
    ]
    if not problems and usage.free < _LITTLE_FREE:
        problems.append(
            "Recording stops when the disk is full: free space, or set TOCSIN_RETENTION so that "
            "old months are dropped"
        )
    return state, problems


def _clock(folder: Path) -> tuple[str, list[str]]:
    now = time.time()
    changes = [path.stat().st_mtime for path in folder.glob("store.sqlite*")]
    ahead = max(changes, default=now) - now
    state = format_instant(datetime.fromtimestamp(now, UTC))
    if ahead <= _CLOCK_TOLERANCE_SECONDS:
        return state, []
    delay = timedelta(seconds=round(ahead))
    return state, [
        f"The clock is {delay} behind the last change of the data folder: set it, for example "
        "with `timedatectl set-ntp true`, before the server starts"
    ]


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


_NO_SURVEY = "not examined: the store is new, or the next start migrates it"


def _survey(folder: Path, now: datetime) -> Survey | None:
    return survey(folder / "store.sqlite", now - timedelta(days=1))


def _retention(settings: Settings, facts: Survey | None) -> tuple[str, list[str]]:
    if settings.retention is None:
        return "interactions are kept forever, because TOCSIN_RETENTION is not set", []
    state = f"interactions are kept for {settings.retention}"
    if facts is None:
        return state, []
    kept = settings.retention.length
    return state, [
        f"The metric {name} has the window {window}, longer than TOCSIN_RETENTION: shorten the "
        "window or keep interactions longer"
        for name, window in facts.windows
        if window.length > kept
    ]


def _channels(settings: Settings, facts: Survey | None) -> tuple[str, list[str]]:
    if facts is None:
        return _NO_SURVEY, []
    enabled = sum(channel.is_enabled for channel in facts.channels)
    problems = [text for channel in facts.channels for text in _of_channel(channel, settings)]
    return f"{len(facts.channels)}, {enabled} of them enabled", problems


def _of_channel(channel: SurveyedChannel, settings: Settings) -> Iterator[str]:
    if channel.disabled_reason:
        yield (
            f"The channel {channel.name} was disabled ({channel.disabled_reason}): correct its "
            "target, then enable it"
        )
    if channel.is_enabled and channel.kind == "email" and settings.smtp_server is None:
        yield f"The channel {channel.name} sends emails: set TOCSIN_SMTP_URL and TOCSIN_SMTP_FROM"
    if channel.failed:
        yield (
            f"{channel.failed} deliveries of the channel {channel.name} failed in the last 24 "
            "hours: `tocsin deliveries list --status failed` shows why, and `tocsin deliveries "
            "retry` sends them again"
        )


def _alerts(facts: Survey | None) -> tuple[str, list[str]]:
    if facts is None:
        return _NO_SURVEY, []
    slowest = max((alert.elapsed_ms for alert in facts.alerts), default=0.0)
    problems = [
        f"The alert {alert.title} cannot be evaluated: {alert.error}"
        for alert in facts.alerts
        if alert.error
    ]
    problems += [
        f"An evaluation of the alert {alert.title} took {alert.elapsed_ms / 1000:.1f} s: give its "
        "metric a time window or fewer groups; the page of the metric shows the cost of its SQL"
        for alert in facts.alerts
        if alert.elapsed_ms > _SLOW_MS
    ]
    return f"{len(facts.alerts)}; the slowest evaluation took {slowest:.0f} ms", problems
