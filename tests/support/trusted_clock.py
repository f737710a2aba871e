"""Tends a data folder with a clock that is trusted, as retention requires."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.runtime import Runtime
from tocsin.storage.retention import TRUSTED_AFTER

# Longer than the gap that begins the count anew, so that it does not depend on earlier turns.
_SEEN = 2 * TRUSTED_AFTER


def tend_with_trusted_clock(runtime: Runtime, at: datetime) -> None:
    """Tend at an instant, after the clock was seen running for long enough until then.

    Closes the scheduler, which tends by the real clock.
    """
    runtime.maintenance.stop()
    runtime.maintenance.run(at - _SEEN, timedelta())
    runtime.maintenance.run(at, _SEEN)
