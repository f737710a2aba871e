"""Records the interactions of transitions: appends those that are not marked as recorded.

A crash between the append and the mark causes a second append. The id of an interaction is derived
from its transition, so nothing is recorded twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import structlog

from tocsin.errors import TocsinError
from tocsin.ingestion.outcomes import Outcome, Rejected
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import TransitionsStored
from tocsin.store.transitions import Transitions

log = structlog.get_logger()

_BLOCK = 1_000


class Appender(Protocol):
    def append(self, interactions: Sequence[Interaction]) -> Sequence[Outcome | Rejected]: ...


class TransitionRecorder:
    def __init__(self, transitions: Transitions, appender: Appender) -> None:
        self._transitions = transitions
        self._appender = appender
        self._recording = threading.Lock()

    def on_transitions_stored(self, _event: TransitionsStored) -> None:
        self.record_pending()

    def record_pending(self) -> None:
        """Append every interaction that is missing; a failure is left to the next call."""
        try:
            with self._recording:
                while self._record_block():
                    pass
        except TocsinError as error:
            log.warning("recording transitions failed", error=str(error))

    def _record_block(self) -> bool:
        """Whether there may be more."""
        transitions = self._transitions.unrecorded(_BLOCK)
        if not transitions:
            return False
        interactions = [
            written for each in transitions if (written := self._transitions.interaction(each))
        ]
        outcomes = self._appender.append(interactions)
        for interaction, outcome in zip(interactions, outcomes, strict=True):
            if isinstance(outcome, Rejected):
                # It would be refused again, so it counts as recorded; the transition remains.
                id = interaction.interaction_id.hex
                log.error("transition rejected", interaction=id, reason=outcome)
        self._transitions.mark_recorded(each.transition_id for each in transitions)
        return len(transitions) == _BLOCK
