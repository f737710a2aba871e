"""Builders for tests of alerts: a real store with a metric, and alerts in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from support.databases import open_database
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import AlertDraft, read_alert
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.metrics.draft import read_metric
from tocsin.store.alerts import Alerts
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.evaluations import Evaluations
from tocsin.store.metrics import Metrics
from tocsin.store.new_deliveries import ReachedChannels
from tocsin.store.transitions import Transitions

AT = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)


class RecordingOutbox:
    """An outbox that keeps the enqueued interactions with their alerts."""

    def __init__(self) -> None:
        self.enqueued: list[tuple[Interaction, Alert]] = []

    def enqueue(
        self,
        connection: Connection,
        interactions: Sequence[Interaction],
        at: datetime,
        alert: Alert,
        reached: ReachedChannels,
    ) -> None:
        assert not reached
        assert connection.in_transaction()
        assert at.tzinfo is not None
        self.enqueued += [(interaction, alert) for interaction in interactions]


class Store:
    """The definitions, states and transitions of one SQLite file; it can be closed and opened."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.sqlite"
        self.outbox = RecordingOutbox()
        self._open()
        draft, question = read_metric({"name": "watched", "metricType": "COUNT"}, self.catalog)
        self.metric = self.metrics.create(draft, question, AT)

    def restart(self) -> None:
        self.database.close()
        self._open()

    def draft(self, **members: Any) -> AlertDraft:
        body = {
            "title": "a title",
            "metricId": str(self.metric.metric_id),
            "operator": "gt",
            "threshold": 10,
            "alertAction": "fired",
            "recoveryAction": "recovered",
        }
        return read_alert({**body, **members}, self.catalog, self.metrics, self.channels)

    def alert(self, **members: Any) -> Alert:
        return self.alerts.create(self.draft(**members), AT)

    def _open(self) -> None:
        self.database = open_database(self._path)
        self.catalog = Catalog(self.database)
        self.metrics = Metrics(self.database)
        self.channels = Channels(self.database)
        self.transitions = Transitions(self.database, self.outbox)
        self.evaluations = Evaluations(self.database, self.transitions)
        self.alerts = Alerts(self.database, self.evaluations)


@contextmanager
def opened_store(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    yield store
    store.database.close()
