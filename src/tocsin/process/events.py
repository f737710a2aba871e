"""Named events between parts that must not know each other, and the hub that passes them on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from tocsin.model.interactions.interaction import Interaction

E = TypeVar("E")

ScopeIds = tuple[bytes, bytes, bytes]
"""The ids of a resource type, an action and an origin, 16 bytes each."""


@dataclass(frozen=True, slots=True)
class InteractionsRecorded:
    """A block of interactions was appended to the engine, and no sender was answered yet.

    Also published when the append failed, because part of the block may be on disk. The committer
    publishes it on its own thread, so handlers have to be fast.
    """

    interactions: Sequence[Interaction]


@dataclass(frozen=True, slots=True)
class InteractionsFollowed:
    """An append of another node has ended: its interactions can be read now, if it succeeded.

    `timestamps` has one in each minute that the interactions touch, in milliseconds; `scopes` are
    those of the interactions that may trigger alerts; `number` is the number of the last one.
    Handlers have to be fast.
    """

    timestamps: Sequence[int]
    scopes: Collection[ScopeIds]
    number: int
    has_deliveries: bool = False
    is_late: bool = False
    """Whether interactions with lower numbers appeared or disappeared, too."""


@dataclass(frozen=True, slots=True)
class InteractionsDropped:
    """Expired interactions were dropped from the engine: those before an instant, or any."""

    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveriesPending:
    """Deliveries became pending, or it is in doubt whether they did."""


@dataclass(frozen=True, slots=True)
class TransitionsStored:
    """Transitions were written to the store, and their interactions are to be recorded."""


@dataclass(frozen=True, slots=True)
class DefinitionsChanged:
    """A metric or an alert was created, replaced or deleted."""


@dataclass(frozen=True, slots=True)
class LeadershipGained:
    """This node becomes the leader, at its start or because another one ended. Published on the
    thread that holds the leadership; `is_leader` is true after the handlers have returned.

    `has_predecessor_ended` if no earlier leader can still use what it has claimed.
    """

    has_predecessor_ended: bool = True


class Events:
    """Calls the subscribers of an event in the order of their subscription, on the thread that
    publishes it. An exception of a subscriber reaches the publisher."""

    def __init__(self) -> None:
        self._subscribers: dict[type, list[Callable[[Any], object]]] = defaultdict(list)

    def subscribe(self, event: type[E], subscriber: Callable[[E], object]) -> None:
        """Call `subscriber` with each event of exactly this type."""
        self._subscribers[event].append(subscriber)

    def publish(self, event: object) -> None:
        for subscriber in self._subscribers.get(type(event), ()):
            subscriber(event)
