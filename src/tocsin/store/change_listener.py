"""The worker that brings memory up to date when another node has changed a table."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import structlog
from sqlalchemy import text

from tocsin.errors import Unavailable
from tocsin.process.events import DefinitionsChanged, Events
from tocsin.process.worker import Worker
from tocsin.store.database import Database
from tocsin.store.revisions import CHANNEL
from tocsin.store.tables import alerts, metrics

log = structlog.get_logger()

POLL_SECONDS = 0.5
"""A change is noticed after this time even if its announcement is lost."""

_LISTEN = text(f"LISTEN {CHANNEL}")
_DEFINITIONS = {metrics.name, alerts.name}


class ChangeListener(Worker):
    """Publishes DefinitionsChanged for the metrics and alerts that other nodes have changed."""

    def __init__(self, database: Database, events: Events) -> None:
        super().__init__("change-listener")
        self._database = database
        self._events = events
        self._session = ExitStack()
        self._listening: Any = None
        self._is_behind = False

    def run_once(self) -> float:
        try:
            self._wait_for_change()
            self._database.revisions.refresh()
        except (Unavailable, psycopg.Error) as error:
            self._disconnect()
            if not self._is_behind:
                log.warning("changes of other nodes not read", reason=" ".join(str(error).split()))
            self._is_behind = True
            return POLL_SECONDS
        self._is_behind = False
        if _DEFINITIONS & self._database.revisions.pop_changed():
            self._events.publish(DefinitionsChanged())
        return 0.0

    def stop(self) -> None:
        super().stop()
        self._disconnect()

    def _wait_for_change(self) -> None:
        with self._database.translating():
            if self._listening is None:
                connection = self._session.enter_context(self._database.session())
                connection.execute(_LISTEN)
                # SQLAlchemy has no interface for notifications.
                self._listening = connection.connection.dbapi_connection
            for _ in self._listening.notifies(timeout=POLL_SECONDS, stop_after=1):
                break

    def _disconnect(self) -> None:
        self._listening = None
        # The server may have ended the session before.
        with suppress(Unavailable):
            self._session.close()
