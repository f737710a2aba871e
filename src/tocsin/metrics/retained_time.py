"""Knows which periods have lost interactions to the retention."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from tocsin.metrics.decimals import Values
from tocsin.model.duration import Duration
from tocsin.model.interactions.time_bounds import retention_cutoff
from tocsin.model.metrics.question import Question
from tocsin.process.clock import Clock


class RetainedTime:
    """The time of which all interactions are kept."""

    def __init__(self, retention: Duration | None, clock: Clock) -> None:
        """`retention` is the age at which interactions expire, None to keep all of them."""
        self._retention = retention
        self._clock = clock

    def has_base(self, question: Question, instants: Iterable[datetime]) -> Values:
        """At each instant, whether the base of a comparison has all its interactions; True for
        other questions."""
        times = list(instants)
        if question.compare is None or self._retention is None:
            return np.ones(len(times), dtype=bool)
        window = question.base.time_window
        assert window is not None
        cutoff = retention_cutoff(self._retention, self._clock.now())
        return np.array([window.period(at).after >= cutoff for at in times])
