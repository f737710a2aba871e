"""Measures dropping months, in process, and whether partial aggregates of the others stay."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tocsin.config import Settings
from tocsin.metrics.rollups import admission
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.question import Question
from tocsin.process.events import InteractionsDropped
from tocsin.runtime import Runtime

QUESTIONS = [
    Question.model_validate({"metricType": "COUNT", "timeWindow": "20d", "groupBy": [field]})
    for field in ("interaction.country", "interaction.outcome", "interaction.user.plan")
]


def measure(folder: Path, until: datetime) -> dict[str, Any]:
    """The milliseconds of two drops, and of warm metrics of a window that lacks nothing then."""
    admission.SLOW_SECONDS = 0
    runtime = Runtime(Settings(data_dir=folder, log_level="warning"))
    try:
        at = until - timedelta(minutes=10)
        cold, answers = _calculated(runtime, at)
        _calculated(runtime, at)
        warm, _ = _calculated(runtime, at)
        months = sorted(runtime.engine.rows_by_month())
        dropped = [_drop_before(runtime, month) for month in months[1:3]]
        after, again = _calculated(runtime, at)
        if again != answers:
            raise RuntimeError("The metrics have other values after another month was dropped.")
    finally:
        runtime.close()
    names = ("dropping the first month after a start, ms", "dropping the next month, ms")
    return {
        **dict(zip(names, dropped, strict=False)),
        "three metrics before, first time, ms": cold,
        "three metrics before, warm, ms": warm,
        "three metrics after the drop, ms": after,
    }


def _drop_before(runtime: Runtime, month: str) -> float:
    """The milliseconds of dropping the months before this one, which is spelled `202603`."""
    instant = datetime.strptime(f"{month}+0000", "%Y%m%z")
    began = time.perf_counter()
    runtime.engine.drop_months_before(instant)
    milliseconds = 1000 * (time.perf_counter() - began)
    runtime.events.publish(InteractionsDropped(instant))
    return milliseconds


def _calculated(runtime: Runtime, at: datetime) -> tuple[float, list[Answer | Any]]:
    began = time.perf_counter()
    answers = runtime.calculator.calculate_all(QUESTIONS, at)
    return 1000 * (time.perf_counter() - began), answers
