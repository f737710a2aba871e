"""The only loop, and the only clock below the API: what is to be done every so often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

log = structlog.get_logger()

TENDING_INTERVAL = timedelta(minutes=10)


class Scheduler:
    """Tends the data (retention, promoted columns): at the start, then every ten minutes."""

    def __init__(self, tend: Callable[[datetime], None]) -> None:
        self._tend = tend
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                self._tend(datetime.now(UTC))
            except Exception:
                log.exception("tending the data failed; it is tried again")
            if self._stopping.wait(TENDING_INTERVAL.total_seconds()):
                return
