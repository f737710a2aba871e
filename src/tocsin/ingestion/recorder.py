"""From the bytes a sender wrote to an interaction on disk.

Accept, resolve, find repeats, append in group commits. `Recorder` is what the API calls; what was
sent is read in `reader.py`, and the thread that appends is in `committer.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.field_types import Bounds
from tocsin.errors import Conflict, InvalidInput, Problem, TocsinError, at_most
from tocsin.ingestion.catalog_resolver import Catalog
from tocsin.ingestion.coalescer import Coalescer
from tocsin.ingestion.committer import Committer, Outcome, Outcomes, Rejected
from tocsin.ingestion.parser import InteractionParser
from tocsin.ingestion.registration import Registration
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.ceilings import PROBLEMS_OF_BATCH
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import PayloadHints
from tocsin.process.clock import Clock
from tocsin.process.pools import Pool

log = structlog.get_logger()

# Reading more takes up to 0.4 s (1 MiB of nested arrays), too long for the event loop; handing
# less to a thread takes longer than reading it.
MAX_READ_ON_LOOP = 32 * 1024
OTHER_CONTENT = "was recorded before, with other content"


@dataclass(slots=True)
class BatchResult:
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


@dataclass(slots=True)
class _Parsed:
    """A batch that was parsed: its acceptable interactions, and their indexes in the batch."""

    reader: InteractionParser
    batch: BatchResult = field(default_factory=BatchResult)
    indexes: list[int] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)

    def refuse(self, problems: dict[int, Problem]) -> None:
        """Reject the interactions that have problems, by their `id()`."""
        if not problems:
            return
        pairs = list(zip(self.indexes, self.interactions, strict=True))
        for index, interaction in pairs:
            if problem := problems.get(id(interaction)):
                self.batch.reject(index, [problem])
        acceptable = [pair for pair in pairs if id(pair[1]) not in problems]
        self.indexes = [index for index, _ in acceptable]
        self.interactions = [interaction for _, interaction in acceptable]


class Recorder:
    """Records interactions. The counters count since the process started."""

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        committer: Committer,
        clock: Clock,
        *,
        strict_catalog: bool,
    ) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0
        self._engine = engine
        self._catalog = catalog
        self._is_strict = strict_catalog
        self._clock = clock
        self._committer = committer
        self._coalescer = Coalescer(committer)
        self._registration = Registration()
        self._in_flight = _InFlight()
        self._reading = threading.Lock()

    async def record(self, raw: bytes, request: RequestContext) -> tuple[Interaction, bool]:
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
            if reader.has_new_entries:
                registered = self._registration.submit(reader.register_new_entries)
                if refused := await asyncio.wrap_future(registered):
                    self.rejected += 1
                    raise InvalidInput(problems=refused.values())
            outcome = await self._coalescer.submit(interaction)
        self._count([outcome])
        if isinstance(outcome, Rejected):
            raise InvalidInput.at(outcome.field, outcome.reason)
        if outcome is Outcome.CONFLICT:
            raise Conflict(f"interactionId {OTHER_CONTENT}")
        return interaction, outcome is Outcome.RECORDED

    def record_batch(self, items: Sequence[bytes], request: RequestContext) -> BatchResult:
        """Record each item for itself; blocks until all are on disk. Raises Unavailable."""
        with self._in_flight.entered():
            parsed = self._parse(items, request)
            if parsed.reader.has_new_entries:
                parsed.refuse(
                    self._registration.submit(parsed.reader.register_new_entries).result()
                )
            kept = parsed.interactions
            outcomes = self._committer.submit(kept).result() if kept else []
        return self._completed(parsed, outcomes)

    async def record_batch_on(
        self, pool: Pool, split: Callable[[], Sequence[bytes]], request: RequestContext
    ) -> BatchResult:
        """`record_batch` on an event loop, of the items that `split` returns.

        Threads of the pool parse; none is held while the batch waits for the store or the engine.
        """
        with self._in_flight.entered():
            parsed = await pool.run(lambda: self._parse(split(), request))
            if parsed.reader.has_new_entries:
                registered = self._registration.submit(parsed.reader.register_new_entries)
                parsed.refuse(await asyncio.wrap_future(registered))
            outcomes: Outcomes = []
            if parsed.interactions:
                committed = self._committer.submit(parsed.interactions)
                # A caller who leaves cancels no append.
                outcomes = await asyncio.shield(asyncio.wrap_future(committed))
        return await pool.run(partial(self._completed, parsed, outcomes))

    def _parse(self, items: Sequence[bytes], request: RequestContext) -> _Parsed:
        reader = self._reader(request, b"".join(items))
        parsed = _Parsed(reader)
        # One batch at a time: together they would all be read at the end, and the engine would
        # have nothing to do until then.
        with self._reading:
            for index, read in enumerate(reader.read_all(items)):
                if isinstance(read, Interaction):
                    parsed.interactions.append(read)
                    parsed.indexes.append(index)
                else:
                    parsed.batch.reject(index, _problems(read))
        return parsed

    def _completed(self, parsed: _Parsed, outcomes: Outcomes) -> BatchResult:
        batch = parsed.batch
        self._count(outcomes)
        self.rejected += len(batch.rejected)
        for index, outcome in zip(parsed.indexes, outcomes, strict=True):
            if isinstance(outcome, Rejected):
                batch.reject(index, [Problem(outcome.field, outcome.reason)])
            elif outcome is Outcome.CONFLICT:
                batch.reject(index, [Problem("interactionId", OTHER_CONTENT)])
        batch.rejected.sort(key=lambda rejection: rejection[0])
        batch.accepted = outcomes.count(Outcome.RECORDED)
        batch.duplicates = outcomes.count(Outcome.DUPLICATE)
        return batch

    def append(self, interactions: Sequence[Interaction]) -> list[Outcome | Rejected]:
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

    def record_own(self, interactions: Sequence[dict[str, Any]]) -> None:
        """Record interactions of Tocsin itself, written as a sender writes them; blocks until all
        are on disk. One that is rejected is logged. Raises Unavailable."""
        items = [msgspec.json.encode(interaction) for interaction in interactions]
        request = RequestContext(to_milliseconds(self._clock.now()), may_be_from_tocsin=True)
        batch = self.record_batch(items, request)
        for index, problems in batch.rejected:
            log.error(
                "own interaction rejected", interaction=interactions[index], problems=problems
            )

    def is_entry_recorded(self, kind: Kind, id: UUID) -> bool:
        """Whether an interaction has this entry of the catalog; blocks until everything that is
        being recorded now is on disk, or has failed."""
        self._in_flight.finish_earlier()
        return self._engine.has_interactions_of(kind, id)

    def close(self) -> None:
        """Discard the registrations of catalog entries that wait."""
        self._registration.close()

    def _reader(self, request: RequestContext, body: bytes) -> InteractionParser:
        types = self._engine.field_types
        return InteractionParser(
            self._catalog, types, request, PayloadHints.of(body), strict=self._is_strict
        )

    def _count(self, outcomes: Sequence[Outcome | Rejected]) -> None:
        self.accepted += outcomes.count(Outcome.RECORDED)
        self.duplicates += outcomes.count(Outcome.DUPLICATE)
        self.rejected += outcomes.count(Outcome.CONFLICT)
        self.rejected += sum(isinstance(outcome, Rejected) for outcome in outcomes)


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
