"""From the bytes a sender wrote to an interaction on disk.

Accept, resolve, find repeats, append in group commits. `Intake` is what the API calls; what was
sent is read in `reader.py`, and the thread that appends is in `committer.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.field_types import Bounds
from tocsin.errors import Conflict, InvalidInput, Problem, TocsinError, at_most
from tocsin.ingestion.catalog_resolver import Catalog
from tocsin.ingestion.coalescer import Gathering
from tocsin.ingestion.committer import Committer, Outbox, Outcome, Refused
from tocsin.ingestion.month_limit import MonthLimit
from tocsin.ingestion.parser import Reader
from tocsin.ingestion.request_context import Request
from tocsin.model.ceilings import PROBLEMS_OF_BATCH
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import Traits

# Reading more takes up to 0.4 s (1 MiB of nested arrays), too long for the event loop; handing
# less to a thread takes longer than reading it.
MAX_READ_ON_LOOP = 32 * 1024
OTHER_CONTENT = "was recorded before, with other content"


@dataclass(slots=True)
class Batch:
    """What became of a batch; `rejected` holds indexes in the order of the batch."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, Sequence[Problem]]] = field(default_factory=list)
    _listed: int = 0

    def reject(self, index: int, problems: Sequence[Problem]) -> None:
        """List the problems of an interaction; of each only the first once there are many."""
        room = max(PROBLEMS_OF_BATCH - self._listed, 1)
        self._listed += len(problems)
        self.rejected.append((index, at_most(problems, room)))


class Intake:
    """Records interactions. The counters count since the process started."""

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        first_number: int,
        on_disk: Callable[[Sequence[Interaction]], None],
        outbox: Outbox,
        months: MonthLimit,
        *,
        strict_catalog: bool,
    ) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0
        self._engine = engine
        self._catalog = catalog
        self._is_strict = strict_catalog
        self._committer = Committer(engine, first_number, on_disk, outbox, months)
        self._gathering = Gathering(self._committer)
        self._in_flight = _InFlight()
        self._reading = threading.Lock()

    async def record(self, raw: bytes, request: Request) -> tuple[Interaction, bool]:
        """The interaction as it is stored, and whether it is new.

        Raises MalformedBody, InvalidInput, or Unavailable if the engine fails.
        """
        with self._in_flight.entered():
            reader = self._reader(request, raw)
            try:
                if len(raw) <= MAX_READ_ON_LOOP:
                    interaction = reader.read(raw)
                else:
                    interaction = await asyncio.to_thread(reader.read, raw)
            except InvalidInput:
                self.rejected += 1
                raise
            if reader.has_unknown:
                # The store writes to disk, which the event loop must not wait for.
                await asyncio.to_thread(reader.add_unknown)
            outcome = await self._gathering.submit(interaction)
        self._count([outcome])
        if isinstance(outcome, Refused):
            raise InvalidInput.at(outcome.field, outcome.reason)
        if outcome is Outcome.CONFLICT:
            raise Conflict(f"interactionId {OTHER_CONTENT}")
        return interaction, outcome is Outcome.RECORDED

    def record_batch(self, items: Sequence[bytes], request: Request) -> Batch:
        """Record each item for itself; blocks until all are on disk. Raises Unavailable."""
        batch = Batch()
        with self._in_flight.entered():
            indexes, interactions = [], []
            reader = self._reader(request, b"".join(items))
            # One batch at a time: together they would all be read at the end, and the engine
            # would have nothing to do until then.
            with self._reading:
                for index, read in enumerate(reader.read_all(items)):
                    if isinstance(read, Interaction):
                        interactions.append(read)
                        indexes.append(index)
                    else:
                        batch.reject(index, _problems(read))
                # While no other batch reads, which would find the same room in the catalog.
                reader.add_unknown()
            outcomes = self._committer.submit(interactions).result() if interactions else []
        self._count(outcomes)
        self.rejected += len(batch.rejected)
        for index, outcome in zip(indexes, outcomes, strict=True):
            if isinstance(outcome, Refused):
                batch.reject(index, [Problem(outcome.field, outcome.reason)])
            elif outcome is Outcome.CONFLICT:
                batch.reject(index, [Problem("interactionId", OTHER_CONTENT)])
        batch.rejected.sort(key=lambda rejection: rejection[0])
        batch.accepted = outcomes.count(Outcome.RECORDED)
        batch.duplicates = outcomes.count(Outcome.DUPLICATE)
        return batch

    def append(self, interactions: Sequence[Interaction]) -> list[Outcome | Refused]:
        """Record interactions of Tocsin's own making; blocks until all are on disk.

        Raises Unavailable.
        """
        if not interactions:
            return []
        with self._in_flight.entered():
            for interaction in interactions:
                self._engine.field_types.learn(
                    msgspec.json.decode(interaction.payload), Bounds.NONE
                )
            outcomes = self._committer.submit(interactions).result()
        self._count(outcomes)
        return outcomes

    def is_recorded(self, kind: Kind, id: UUID) -> bool:
        """Whether an interaction has this entry of the catalog; blocks until everything that is
        being recorded now is on disk, or has failed."""
        self._in_flight.finish_earlier()
        return self._engine.uses(kind, id)

    def close(self) -> None:
        """Append what waits, then stop."""
        self._committer.close()

    def _reader(self, request: Request, body: bytes) -> Reader:
        types = self._engine.field_types
        return Reader(self._catalog, types, request, Traits.of(body), strict=self._is_strict)

    def _count(self, outcomes: Sequence[Outcome | Refused]) -> None:
        self.accepted += outcomes.count(Outcome.RECORDED)
        self.duplicates += outcomes.count(Outcome.DUPLICATE)
        self.rejected += outcomes.count(Outcome.CONFLICT)
        self.rejected += sum(isinstance(outcome, Refused) for outcome in outcomes)


def _problems(error: TocsinError) -> list[Problem]:
    return list(error.problems) if isinstance(error, InvalidInput) else [Problem("", error.detail)]


class _InFlight:
    """Counts the requests that are being recorded, by the generation in which they entered.

    Recording enters and leaves on the event loop and never waits; only who asks for the end of
    earlier requests does.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._generation = 0
        self._inside: Counter[int] = Counter()

    @contextmanager
    def entered(self) -> Iterator[None]:
        with self._changed:
            generation = self._generation
            self._inside[generation] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[generation] -= 1
                if not self._inside[generation]:
                    del self._inside[generation]
                    self._changed.notify_all()

    def finish_earlier(self) -> None:
        """Block until every request that has entered by now has left."""
        with self._changed:
            last = self._generation
            self._generation += 1
            self._changed.wait_for(lambda: all(one > last for one in self._inside))
