"""Reads from a store the facts that `tocsin doctor` judges, without changing the file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, select

from tocsin.model.metrics.window import Window
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.store.notification_tables import channels, deliveries
from tocsin.store.sqlite import read_file
from tocsin.store.tables import alerts, evaluations, metrics


@dataclass(frozen=True, slots=True)
class SurveyedChannel:
    name: str
    kind: str
    is_enabled: bool
    disabled_reason: str | None
    failed: int
    """Deliveries that failed since the given instant."""


@dataclass(frozen=True, slots=True)
class SurveyedAlert:
    """An alert that is evaluated; `error` and `elapsed_ms` are of its last evaluation."""

    title: str
    error: str | None
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class Survey:
    channels: list[SurveyedChannel]
    alerts: list[SurveyedAlert]
    windows: list[tuple[str, Window]]
    """The names of the metrics with a sliding window, and this window."""


def survey(path: Path, since: datetime) -> Survey | None:
    """The survey of the store in a file; None if the file is new or of another version."""
    if not path.exists():
        return None
    with read_file(path) as connection:
        if connection is None:
            return None
        return Survey(_channels(connection, since), _alerts(connection), _windows(connection))


def _channels(connection: Connection, since: datetime) -> list[SurveyedChannel]:
    failed = (
        select(deliveries.c.channel_id, func.count())
        .where(deliveries.c.status == DeliveryStatus.FAILED.value)
        .where(deliveries.c.finished_date >= since)
        .group_by(deliveries.c.channel_id)
    )
    counts = {row[0]: row[1] for row in connection.execute(failed)}
    return [
        SurveyedChannel(
            row.name, row.kind, row.enabled, row.disabled_reason, counts.get(row.channel_id, 0)
        )
        for row in connection.execute(select(channels).order_by(channels.c.number))
    ]


def _alerts(connection: Connection) -> list[SurveyedAlert]:
    evaluated = (
        select(alerts.c.title, evaluations.c.error, evaluations.c.elapsed_ms)
        .join(evaluations, evaluations.c.alert_id == alerts.c.alert_id)
        .order_by(alerts.c.number)
    )
    return [
        SurveyedAlert(row.title, row.error, row.elapsed_ms or 0.0)
        for row in connection.execute(evaluated)
    ]


def _windows(connection: Connection) -> list[tuple[str, Window]]:
    windows = []
    for row in connection.execute(select(metrics).order_by(metrics.c.number)):
        window = json.loads(row.question).get("timeWindow")
        try:
            windows.append((row.name, Window.parse(window or "")))
        except ValueError:
            continue  # calendar windows and metrics without a window
    return windows
