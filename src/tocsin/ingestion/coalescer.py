"""Single interactions that come in the same turn of the event loop are committed as one.

Crossing from the event loop to the thread that appends and back costs more than recording an
interaction does; here it is paid once for all who wait, not by each of them.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Sequence
from concurrent.futures import Future

from tocsin.errors import Unavailable
from tocsin.ingestion.committer import Committer, Outcome, Outcomes, Rejected
from tocsin.model.interactions.interaction import Interaction

PendingOutcome = asyncio.Future[Outcome | Rejected]


class Coalescer:
    """Several event loops may use it at once; what they gather stays apart."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._waiting: dict[AbstractEventLoop, list[tuple[Interaction, PendingOutcome]]] = {}

    def submit(self, interaction: Interaction) -> PendingOutcome:
        """To be awaited; raises Unavailable if the engine fails, or when the server stops."""
        loop = asyncio.get_running_loop()
        answer: PendingOutcome = loop.create_future()
        waiting = self._waiting.get(loop)
        if waiting is None:
            waiting = self._waiting[loop] = []
            loop.call_soon(self._commit, loop)
        waiting.append((interaction, answer))
        return answer

    def _commit(self, loop: AbstractEventLoop) -> None:
        interactions, answers = zip(*self._waiting.pop(loop), strict=True)
        try:
            committed = self._committer.submit(interactions, callers=len(answers))
        except Unavailable as error:
            _refuse(answers, error)
            return

        def answer_all(done: Future[Outcomes]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_answer, answers, done)

        committed.add_done_callback(answer_all)


def _answer(answers: Sequence[PendingOutcome], done: Future[Outcomes]) -> None:
    if error := done.exception():
        _refuse(answers, error)
        return
    for answer, outcome in zip(answers, done.result(), strict=True):
        # A caller who left has cancelled it; the interaction is recorded all the same.
        if not answer.done():
            answer.set_result(outcome)


def _refuse(answers: Sequence[PendingOutcome], error: BaseException) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
