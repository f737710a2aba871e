"""Records interactions: parses bodies, registers new catalog entries, and waits for the append.

The API calls `Recorder`; `parser.py` parses the bodies, and `committer.py` finds duplicates and
appends in group commits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.field_types import Bounds
from tocsin.errors import Conflict, EntryDeleted, InvalidInput, Problem, TocsinError
from tocsin.ingestion.append_log import AppendLog
from tocsin.ingestion.batches import BatchResult, ParsedBatch
from tocsin.ingestion.coalescer import Coalescer
from tocsin.ingestion.committer import Committer
from tocsin.ingestion.in_flight import InFlightRequests
from tocsin.ingestion.outcomes import Outcome, Outcomes, Rejected
from tocsin.ingestion.parser import InteractionParser
from tocsin.ingestion.registration import Registration
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import PayloadHints
from tocsin.process.clock import Clock
from tocsin.process.pools import Pool
from tocsin.store.catalog import Catalog

log = structlog.get_logger()

T = TypeVar("T")

# Parsing a longer body takes up to 0.4 s (1 MiB of nested arrays), too long for the event loop;
# moving a shorter one to a thread takes longer than parsing it.
MAX_PARSED_ON_LOOP = 32 * 1024
OTHER_CONTENT = "was recorded before, with other content"
ATTEMPTS = 5
"""How often a request is parsed at most, because other nodes delete its entries meanwhile."""


class Recorder:
    """Records interactions. The counters count since the process started."""

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        committer: Committer,
        append_log: AppendLog,
        clock: Clock,
        *,
        strict_catalog: bool,
        redaction_key: bytes,
    ) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0
        self._engine = engine
        self._catalog = catalog
        self._is_strict = strict_catalog
        self._redaction_key = redaction_key
        self._clock = clock
        self._committer = committer
        self._append_log = append_log
        self._coalescer = Coalescer(committer)
        self._registration = Registration()
        self._in_flight = InFlightRequests()
        self._parsing = threading.Lock()

    async def record(self, raw: bytes, request: RequestContext) -> tuple[Interaction, bool]:
        """Record an interaction. Returns it as stored, and whether it is new.

        Raises MalformedBody, InvalidInput, Conflict, or Unavailable if the engine fails.
        """
        with self._in_flight.entered():
            try:
                interaction, outcome = await _repeated(lambda: self._record_one(raw, request))
            except InvalidInput:
                self.rejected += 1
                raise
        self._count([outcome])
        if isinstance(outcome, Rejected):
            raise InvalidInput.at(outcome.field, outcome.reason)
        if outcome is Outcome.CONFLICT:
            raise Conflict(f"interactionId {OTHER_CONTENT}")
        return interaction, outcome is Outcome.RECORDED

    def record_batch(self, items: Sequence[bytes], request: RequestContext) -> BatchResult:
        """Record each item independently; blocks until all are on disk. Raises Unavailable."""
        with self._in_flight.entered():
            for _ in range(ATTEMPTS - 1):
                with suppress(EntryDeleted):
                    return self._record_items(items, request)
            return self._record_items(items, request)

    async def record_batch_on(
        self,
        pool: Pool,
        split: Callable[[], Sequence[bytes]],
        request: RequestContext,
        respond: Callable[[BatchResult], T],
    ) -> T:
        """`record_batch` for the items that `split` returns, on an event loop; the result is what
        `respond` makes of the batch.

        Threads of the pool parse; none is occupied while the batch waits for the store or the
        engine.
        """
        with self._in_flight.entered():
            parsed, outcomes = await _repeated(lambda: self._record_items_on(pool, split, request))
        return await pool.run(lambda: respond(self._completed(parsed, outcomes)))

    async def _record_one(
        self, raw: bytes, request: RequestContext
    ) -> tuple[Interaction, Outcome | Rejected]:
        parser, interaction = await self._parse_current(raw, request)
        if parser.has_new_entries:
            registered = self._registration.submit(parser.register_new_entries)
            if problems := await asyncio.wrap_future(registered):
                raise InvalidInput(problems=problems.values())
        return interaction, await self._coalescer.submit(interaction)

    def _record_items(self, items: Sequence[bytes], request: RequestContext) -> BatchResult:
        parsed = self._parse(items, request)
        if parsed.parser.has_new_entries:
            registered = self._registration.submit(parsed.parser.register_new_entries)
            parsed.reject(registered.result())
        outcomes: Outcomes = []
        if parsed.interactions:
            outcomes = self._committer.submit(parsed.interactions).result()
        return self._completed(parsed, outcomes)

    async def _record_items_on(
        self, pool: Pool, split: Callable[[], Sequence[bytes]], request: RequestContext
    ) -> tuple[ParsedBatch, Outcomes]:
        parsed = await pool.run(lambda: self._parse(split(), request))
        if parsed.parser.has_new_entries:
            registered = self._registration.submit(parsed.parser.register_new_entries)
            parsed.reject(await asyncio.wrap_future(registered))
        outcomes: Outcomes = []
        if parsed.interactions:
            committed = self._committer.submit(parsed.interactions)
            # A disconnected caller must not cancel the append.
            outcomes = await asyncio.shield(asyncio.wrap_future(committed))
        return parsed, outcomes

    async def _parse_current(
        self, raw: bytes, request: RequestContext
    ) -> tuple[InteractionParser, Interaction]:
        """`_parse_one`, again if another node has changed the catalog meanwhile."""
        try:
            return await self._parse_one(raw, request)
        except InvalidInput:
            if not (self._catalog.is_shared and await asyncio.to_thread(self._catalog.refresh)):
                raise
        return await self._parse_one(raw, request)

    async def _parse_one(
        self, raw: bytes, request: RequestContext
    ) -> tuple[InteractionParser, Interaction]:
        parser = self._parser(request, raw)
        if len(raw) <= MAX_PARSED_ON_LOOP:
            return parser, parser.parse(raw)
        return parser, await asyncio.to_thread(parser.parse, raw)

    def _parse(self, items: Sequence[bytes], request: RequestContext) -> ParsedBatch:
        parser = self._parser(request, b"".join(items))
        parsed = ParsedBatch(parser)
        # One batch at a time: concurrent batches would all be parsed at the same late time, and the
        # engine would be idle until then.
        with self._parsing:
            for index, result in enumerate(parser.parse_all(items)):
                if isinstance(result, Interaction):
                    parsed.interactions.append(result)
                    parsed.indexes.append(index)
                else:
                    parsed.batch.reject(index, _problems(result))
        if parsed.batch.rejected and self._catalog.refresh():
            # Another node may have added the names.
            return self._parse(items, request)
        return parsed

    def _completed(self, parsed: ParsedBatch, outcomes: Outcomes) -> BatchResult:
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
        """Record interactions that Tocsin itself built; blocks until all are on disk.

        Raises Unavailable.
        """
        if not interactions:
            return []
        with self._in_flight.entered():
            for interaction in interactions:
                self._engine.field_types.observe(
                    msgspec.json.decode(interaction.payload), Bounds.NONE
                )
            outcomes = self._committer.submit(interactions).result()
        self._count(outcomes)
        return outcomes

    def record_own(self, interactions: Sequence[dict[str, Any]]) -> None:
        """Record interactions of Tocsin itself, in the form of a sender's; blocks until all are on
        disk. Rejected ones are logged. Raises Unavailable."""
        items = [msgspec.json.encode(interaction) for interaction in interactions]
        request = RequestContext(to_milliseconds(self._clock.now()), may_be_from_tocsin=True)
        batch = self.record_batch(items, request)
        for index, problems in batch.rejected:
            log.error(
                "own interaction rejected", interaction=interactions[index], problems=problems
            )

    @contextmanager
    def entry_use(self, kind: Kind, id: UUID) -> Iterator[bool]:
        """Whether an interaction has this entry of the catalog; blocks until all requests that are
        being recorded now have ended. While it is held, no other node records one. Raises
        Unavailable."""
        self._in_flight.wait_for_earlier()
        with self._append_log.quiet() as check_quiet:
            is_recorded = self._engine.has_interactions_of(kind, id)
            check_quiet()
            yield is_recorded

    def wait_for_earlier(self) -> None:
        """Block until all requests that are being recorded now have ended."""
        self._in_flight.wait_for_earlier()

    def close(self) -> None:
        """Discard the waiting registrations of catalog entries."""
        self._registration.close()

    def _parser(self, request: RequestContext, body: bytes) -> InteractionParser:
        types = self._engine.field_types
        return InteractionParser(
            self._catalog,
            types,
            request,
            PayloadHints.of(body),
            strict=self._is_strict,
            redaction_key=self._redaction_key,
        )

    def _count(self, outcomes: Sequence[Outcome | Rejected]) -> None:
        self.accepted += outcomes.count(Outcome.RECORDED)
        self.duplicates += outcomes.count(Outcome.DUPLICATE)
        self.rejected += outcomes.count(Outcome.CONFLICT)
        self.rejected += sum(isinstance(outcome, Rejected) for outcome in outcomes)


async def _repeated(record: Callable[[], Awaitable[T]]) -> T:
    for _ in range(ATTEMPTS - 1):
        with suppress(EntryDeleted):
            return await record()
    return await record()


def _problems(error: TocsinError) -> list[Problem]:
    return list(error.problems) if isinstance(error, InvalidInput) else [Problem("", error.detail)]
