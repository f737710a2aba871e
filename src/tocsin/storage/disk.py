"""Checks that the disk of the data folder takes writes, by writing a small file.

On servers, there is no folder: only the failures of the last writes are reported.

Free space alone is not enough: quotas, read-only file systems and limits of the process prevent
writes, too. The engine and the store report the failures of their last writes.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from tocsin.process.write_state import WriteState

log = structlog.get_logger()

_PROBE = "tocsin.probe"
_PROBE_BYTES = 64 * 1024
# The engine reserves 1 MiB for an append, however small.
_LEAST_FREE = 2 * 1024 * 1024
# Readiness needs no key, so the disk is probed at most this often.
_VALID_SECONDS = 1.0


class Disk:
    """The file systems of some folders, usually one, or of none."""

    def __init__(
        self,
        folders: Iterable[Path],
        write_states: Sequence[WriteState],
        name: str = "data folder",
    ) -> None:
        self._name = name
        self._folders = list({folder.stat().st_dev: folder for folder in folders}.values())
        self._halves = write_states
        self._probing = threading.Lock()
        self._probed_at = float("-inf")
        self._failure: str | None = None
        self._logged: str | None = None

    def problems(self) -> list[str]:
        """One sentence on why nothing can be recorded; empty if the disk takes writes."""
        with self._probing:
            if time.monotonic() - self._probed_at >= _VALID_SECONDS:
                self._failure = next(filter(None, map(_failure, self._folders)), None)
                self._probed_at = time.monotonic()
            reason = self._failure or next(
                (state.failure for state in self._halves if state.failure), None
            )
            self._log(reason)
        if reason is None:
            return []
        return [f"The {self._name} cannot be written ({reason}): nothing can be recorded"]

    def free_bytes(self) -> int | None:
        """The free space of the file system that has the least; None without folders."""
        return min(map(_free, self._folders), default=None)

    def _log(self, reason: str | None) -> None:
        if reason and not self._logged:
            log.error(f"{self._name} not writable", reason=reason)
        elif self._logged and not reason:
            log.info(f"{self._name} writable again")
        self._logged = reason


def _free(folder: Path) -> int:
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize


def _failure(folder: Path) -> str | None:
    probe = folder / _PROBE
    try:
        with probe.open("wb", buffering=0) as file:
            file.write(bytes(_PROBE_BYTES))
            os.fsync(file.fileno())
        is_full = _free(folder) < _LEAST_FREE
    except OSError as error:
        return error.strerror or str(error)
    finally:
        _remove(probe)
    return os.strerror(errno.ENOSPC) if is_full else None


def _remove(probe: Path) -> None:
    try:
        probe.unlink(missing_ok=True)
    except OSError:
        # On a read-only file system, no probe was written.
        return
