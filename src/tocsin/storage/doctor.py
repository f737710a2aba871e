"""Examines a deployment without changing it, for `tocsin doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from tocsin.config import Settings
from tocsin.errors import TocsinError


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing that was examined: its name, its state, and its problems in sentences."""

    name: str
    state: str
    problems: tuple[str, ...] = ()


Examine = Callable[[], tuple[str, list[str]]]


def examine(settings: Settings) -> list[Examination]:
    """Examine the servers, or the data folder, that the settings name."""
    links = _links(settings)
    if not settings.is_server_mode:
        return [*_examine_folder(settings), links]
    from tocsin.storage.server_doctor import server_examinations

    return [*(_attempted(name, run) for name, run in server_examinations(settings)), links]


def _examine_folder(settings: Settings) -> list[Examination]:
    folder = settings.data_dir
    if not folder.is_dir():
        state = f"{folder.absolute()} does not exist; `tocsin serve` creates it"
        return [Examination("data folder", state)]
    from tocsin.storage.folder_doctor import folder_examinations

    now = datetime.now(UTC)
    return [_attempted(name, run) for name, run in folder_examinations(settings, now)]


def _links(settings: Settings) -> Examination:
    """The address to which messages link."""
    if settings.base_url is None:
        return Examination("links", "none in messages, because TOCSIN_BASE_URL is not set")
    if _is_local(urlsplit(settings.base_url).hostname) and not _is_local(settings.host):
        problem = (
            "Messages link to an address that only this machine can open: set TOCSIN_BASE_URL to "
            "the one that people open"
        )
        return Examination("links", settings.base_url, (problem,))
    return Examination("links", settings.base_url)


def _is_local(host: str | None) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


def _attempted(name: str, run: Examine) -> Examination:
    try:
        state, problems = run()
    except TocsinError as error:
        return Examination(name, "not examined", (error.detail,))
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}. Give this user access to it"
        return Examination(name, "not examined", (problem,))
    return Examination(name, state, tuple(problems))
