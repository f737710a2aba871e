"""Coalesces requests that arrive in one event-loop iteration into one commit.

Switching from the event loop to the committer's thread and back costs more than recording an
interaction; all requests of an iteration share that cost.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial

from tocsin.errors import Unavailable
from tocsin.ingestion.committer import Committer
from tocsin.ingestion.outcomes import Outcome, Outcomes, Rejected
from tocsin.model.interactions.interaction import Interaction

PendingOutcome = asyncio.Future[Outcome | Rejected]


class Coalescer:
    """Several event loops may use it concurrently; each has separate commits."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._waiting: dict[AbstractEventLoop, list[tuple[Interaction, PendingOutcome]]] = {}

    def submit(self, interaction: Interaction) -> PendingOutcome:
        """An awaitable outcome. Raises Unavailable if the engine fails, or when the server
        stops."""
        loop = asyncio.get_running_loop()
        pending: PendingOutcome = loop.create_future()
        waiting = self._waiting.get(loop)
        if waiting is None:
            waiting = self._waiting[loop] = []
            loop.call_soon(self._commit, loop)
        waiting.append((interaction, pending))
        return pending

    def _commit(self, loop: AbstractEventLoop) -> None:
        interactions, pending = zip(*self._waiting.pop(loop), strict=True)
        try:
            committed = self._committer.submit(interactions, callers=len(pending))
        except Unavailable as error:
            _fail(pending, error)
            return
        committed.add_done_callback(partial(_resolve_on, loop, pending))


def _resolve_on(
    loop: AbstractEventLoop, pending: Sequence[PendingOutcome], done: Future[Outcomes]
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(_resolve, pending, done)


def _resolve(pending: Sequence[PendingOutcome], done: Future[Outcomes]) -> None:
    if error := done.exception():
        _fail(pending, error)
        return
    for future, outcome in zip(pending, done.result(), strict=True):
        # A disconnected caller has cancelled its future; the interaction is still recorded.
        if not future.done():
            future.set_result(outcome)


def _fail(pending: Sequence[PendingOutcome], error: BaseException) -> None:
    for future in pending:
        if not future.done():
            future.set_exception(error)
