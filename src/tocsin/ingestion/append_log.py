"""Assigns the numbers of interactions, and publishes each append in the order of the numbers.

Every append begins and ends in a log. With one process the log is a counter in memory; several
nodes share one in their database, so that each knows the appends of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import Events, InteractionsRecorded


@dataclass(frozen=True, slots=True)
class Append:
    """A block between its `begin` and its `end`; its interactions have consecutive numbers, from
    `first` on."""

    first: int
    interactions: Sequence[Interaction]


class AppendLog(Protocol):
    """The committer begins and ends; whatever calculates follows."""

    def begin(self, interactions: Sequence[Interaction]) -> Append:
        """Number the interactions of a block, of which there is at least one, and announce their
        append. Raises Unavailable."""

    def end(self, append: Append) -> None:
        """The append has succeeded or failed. Returns after every append with lower numbers has
        ended and was published, and so was this one. Raises Unavailable."""

    def follow(self) -> None:
        """Publish the appends of other nodes that have ended by now. Raises Unavailable."""


class LocalAppendLog:
    """The log of the only process: it begins one append after the end of the one before."""

    def __init__(self, first_number: int, events: Events) -> None:
        self._next_number = first_number
        self._events = events

    def begin(self, interactions: Sequence[Interaction]) -> Append:
        first = number = self._next_number
        for interaction in interactions:
            interaction.interaction_number = number
            number += 1
        self._next_number = number
        return Append(first, interactions)

    def end(self, append: Append) -> None:
        self._events.publish(InteractionsRecorded(append.interactions))

    def follow(self) -> None:
        """Nobody else appends."""
