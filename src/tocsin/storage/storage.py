"""An engine and a store that belong together, both open, and how the nodes on them coordinate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.recorded_numbers import NumberedParts
from tocsin.clickhouse.typed_parts import TypedParts
from tocsin.errors import Unavailable
from tocsin.ingestion.append_log import AppendLog, LocalAppendLog
from tocsin.process.events import Events, LeadershipGained
from tocsin.process.leadership import ALWAYS_LEADER, Leadership
from tocsin.process.worker import Worker
from tocsin.storage.coordination import Coordination
from tocsin.storage.disk import Disk
from tocsin.storage.loss_detection import LossDetector
from tocsin.store.catalog import Catalog
from tocsin.store.database import Database
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.key_value import KeyValueStore

log = structlog.get_logger()

Settle = Callable[[Collection[bytes]], object]

_LATEST_NUMBER = "latest interaction number"
_NUMBERED_PARTS, _TYPED_PARTS = "numbered parts", "typed parts"


class Storage:
    """Its parts are the same in a data folder and on servers.

    This class coordinates nobody: one process uses a data folder.
    """

    leadership: Leadership = ALWAYS_LEADER
    fence: Fence = NO_FENCE

    def __init__(
        self,
        engine: Engine,
        database: Database,
        disk: Disk,
        place: str,
        folder: Path | None = None,
    ) -> None:
        """`place` names the folder or the servers in messages; `folder` is None for servers."""
        self.folder = folder
        self.engine = engine
        self.database = database
        self.disk = disk
        self.place = place
        self.key_values = KeyValueStore(database)
        self.losses = LossDetector(engine, self.key_values, self.fence)

    def append_log(self, events: Events, catalog: Catalog) -> AppendLog:  # noqa: ARG002 - for nodes
        """The log that numbers the interactions of this node, and publishes appends as events.
        The catalog names what they refer to. Called once; raises Unavailable."""
        return LocalAppendLog(self.latest_number() + 1, events)

    def join(self, events: Events, settle: Settle) -> Sequence[Worker]:  # noqa: ARG002 - for nodes
        """Begin to coordinate with other nodes, after `append_log`; returns the workers that do, to
        be started before all others. `settle` decides the staged deliveries of interactions, given
        by their ids."""
        events.publish(LeadershipGained())
        return ()

    def announce_drop(self) -> None:
        """Let the other nodes know that interactions were dropped. Raises Unavailable."""

    def coordination(self) -> Coordination | None:
        """How this node keeps up with others; None for a data folder."""
        return None

    def check(self, at: datetime) -> None:
        """Detect losses and store the present numbers; logs a failure of the engine or store."""
        try:
            self.remember_number()
            self._remember_types()
            self.losses.check(at)
        except Unavailable as error:
            log.warning("interactions not counted", reason=error.detail)

    def problems(self) -> dict[str, list[str]]:
        """Sentences about a disk that takes no writes, and about losses, by kind."""
        return {"disk": self.disk.problems(), "losses": self.losses.problems()}

    def latest_number(self) -> int:
        """The greatest number that an interaction has or had."""
        return max(self.engine.latest_number(), self._remembered_number())

    def recall_parts(self) -> None:
        """Let the engine read no part whose numbers and types were known in an earlier run."""
        if text := self.key_values.get(_NUMBERED_PARTS):
            self.engine.numbers.recall(msgspec.json.decode(text, type=NumberedParts))
        if text := self.key_values.get(_TYPED_PARTS):
            self.engine.types.recall(msgspec.json.decode(text, type=TypedParts))

    def remember_number(self) -> None:
        known = self.engine.numbers.read()
        number = str(max(known.latest, self._remembered_number()))
        # The newest interaction may expire or be lost; its number must not be assigned again.
        if number != self.key_values.get(_LATEST_NUMBER):
            self.key_values.set(_LATEST_NUMBER, number, self.fence)
        self._remember(_NUMBERED_PARTS, known)

    def _remember_types(self) -> None:
        if known := self.engine.types.read():
            self._remember(_TYPED_PARTS, known)

    def _remember(self, name: str, known: NumberedParts | TypedParts) -> None:
        """Servers have no parts that are known."""
        text = msgspec.json.encode(known).decode()
        if known.parts and text != self.key_values.get(name):
            self.key_values.set(name, text, self.fence)

    def _remembered_number(self) -> int:
        return int(self.key_values.get(_LATEST_NUMBER) or 0)
