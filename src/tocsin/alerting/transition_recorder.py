"""Transitions are interactions too: appends those whose transition is not marked as recorded.

After a crash between the two it does so again; the id is the transition's own, so nothing is
recorded twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

import structlog

from tocsin.errors import TocsinError
from tocsin.ingestion.committer import Outcome, Refused
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.interaction import Interaction

log = structlog.get_logger()

_AT_ONCE = 1_000


class Transitions(Protocol):
    def unrecorded(self, limit: int) -> list[Transition]: ...
    def mark_recorded(self, ids: Iterable[UUID]) -> None: ...


class Intake(Protocol):
    def append(self, interactions: Sequence[Interaction]) -> Sequence[Outcome | Refused]: ...


class Reporter:
    def __init__(self, transitions: Transitions, intake: Intake) -> None:
        self._transitions = transitions
        self._intake = intake
        self._reporting = threading.Lock()

    def report(self) -> None:
        """Append what is not recorded; what cannot be appended now is left to the next time."""
        try:
            with self._reporting:
                while self._report_some():
                    pass
        except TocsinError as error:
            log.warning("transitions not recorded yet", error=str(error))

    def _report_some(self) -> bool:
        """Whether there may be more."""
        made = self._transitions.unrecorded(_AT_ONCE)
        if not made:
            return False
        told = [told for transition in made if (told := transition.interaction())]
        for interaction, outcome in zip(told, self._intake.append(told), strict=True):
            if isinstance(outcome, Refused):
                # It would be refused again, so it counts as recorded; the transition remains.
                log.error("transition refused", id=interaction.interaction_id.hex, why=outcome)
        self._transitions.mark_recorded(transition.transition_id for transition in made)
        return len(made) == _AT_ONCE
