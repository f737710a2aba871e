"""The only loop, and the only clock below the API: what is to be done every so often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

log = structlog.get_logger()

RETENTION_INTERVAL = timedelta(minutes=10)


class Scheduler:
    """Drops expired interactions: at the start, then every ten minutes."""

    def __init__(self, drop_expired: Callable[[datetime], int]) -> None:
        self._drop_expired = drop_expired
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                self._drop_expired(datetime.now(UTC))
            except Exception:
                log.exception("retention failed; it is tried again")
            if self._stopping.wait(RETENTION_INTERVAL.total_seconds()):
                return
