"""The interface of a storage: an engine and a store that belong together."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from tocsin.clickhouse.engine import Engine
from tocsin.storage.disk import Disk
from tocsin.storage.loss_detection import LossDetector
from tocsin.store.database import Database
from tocsin.store.key_value import KeyValueStore


class Storage(Protocol):
    """An open engine and an open store. The callbacks given at its opening close both."""

    engine: Engine
    database: Database
    key_values: KeyValueStore
    disk: Disk
    losses: LossDetector

    def check(self, at: datetime) -> None:
        """Detect losses and store the present numbers; logs a failure of the engine or store."""

    def problems(self) -> dict[str, list[str]]:
        """Sentences about a disk that takes no writes, and about losses, by kind."""

    def latest_number(self) -> int:
        """The greatest number that an interaction has or had."""

    def remember_number(self) -> None:
        """Store the greatest number, before the interactions that have it may be dropped."""
