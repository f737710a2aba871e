"""The transitions of alerts, and which of their interactions are not recorded yet.

A transition is inserted in the transaction that decided it, together with its deliveries. Its
interaction is appended to the engine afterwards, and again if the mark of that is missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, and_, insert, or_, select, update

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.pages import NO_PAGES, AlertPages
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.interaction import Interaction
from tocsin.store.database import Database
from tocsin.store.new_deliveries import NOBODY_REACHED, ReachedChannels
from tocsin.store.tables import transitions
from tocsin.store.transition_rows import row_of, transition_of

TransitionPosition = tuple[datetime, int]
"""The instant and the number of a transition, by which pages are ordered."""


WrittenTransition = tuple[Transition, Interaction | None]
"""A transition with its interaction, if the alert has an action for it."""


class TransitionDeliveries(Protocol):
    def enqueue(
        self,
        connection: Connection,
        interactions: Sequence[Interaction],
        at: datetime,
        alert: Alert,
        reached: ReachedChannels,
    ) -> None:
        """Add one delivery for each interaction of the alert and each of its recipients, in this
        transaction. `reached` has the channels that bundles report an interaction to, by its
        id."""


class TransitionBundles(Protocol):
    def collect(
        self, connection: Connection, written: Sequence[WrittenTransition]
    ) -> ReachedChannels:
        """Add transitions of one alert to the bundles of grouped subscriptions, in this
        transaction; returns the channels of these subscriptions."""


class NoBundles:
    """Without grouped subscriptions."""

    def collect(
        self,
        connection: Connection,  # noqa: ARG002 - of the protocol
        written: Sequence[WrittenTransition],  # noqa: ARG002 - of the protocol
    ) -> ReachedChannels:
        return NOBODY_REACHED


NO_BUNDLES = NoBundles()


class Transitions:
    def __init__(
        self,
        database: Database,
        deliveries: TransitionDeliveries,
        pages: AlertPages = NO_PAGES,
        bundles: TransitionBundles = NO_BUNDLES,
    ) -> None:
        """Interactions of transitions have the addresses that `pages` returns."""
        self._database = database
        self._deliveries = deliveries
        self._pages = pages
        self._bundles = bundles

    def interaction(self, transition: Transition) -> Interaction | None:
        """The interaction of a transition; None if it writes none."""
        return transition.interaction(self._pages)

    def page(
        self,
        limit: int,
        after: TransitionPosition | None = None,
        *,
        alert_id: UUID | None = None,
        start: datetime | None = None,
        to: datetime | None = None,
    ) -> list[Transition]:
        """At most `limit` transitions of [start, to), newest first; those that follow the position
        `after`, if one is given."""
        at, number = transitions.c.at, transitions.c.number
        conditions = [
            *([transitions.c.alert_id == alert_id] if alert_id else []),
            *([at >= start] if start else []),
            *([at < to] if to else []),
            *([or_(at < after[0], and_(at == after[0], number < after[1]))] if after else []),
        ]
        query = select(transitions).where(*conditions).order_by(at.desc(), number.desc())
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return [transition_of(row) for row in rows]

    def insert(self, connection: Connection, new: Sequence[Transition]) -> None:
        """Store transitions and their deliveries in this transaction."""
        if not new:
            return
        connection.execute(insert(transitions), [row_of(transition) for transition in new])
        by_alert: dict[UUID, list[Transition]] = defaultdict(list)
        for transition in new:
            by_alert[transition.alert.alert_id].append(transition)
        for of_alert in by_alert.values():
            written = [(each, self.interaction(each)) for each in of_alert]
            reached = self._bundles.collect(connection, written)
            if interactions := [interaction for _, interaction in written if interaction]:
                at, alert = of_alert[0].change.at, of_alert[0].alert
                self._deliveries.enqueue(connection, interactions, at, alert, reached)

    def unrecorded(self, limit: int) -> list[Transition]:
        """At most `limit` transitions whose interaction may be missing in the engine, oldest
        first."""
        query = select(transitions).where(transitions.c.is_recorded.is_(False))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(transitions.c.number).limit(limit))
            return [transition_of(row) for row in rows.mappings().all()]

    def mark_recorded(self, ids: Iterable[UUID]) -> None:
        """The interactions of these transitions are in the engine."""
        marked = update(transitions).where(transitions.c.transition_id.in_(list(ids)))
        with self._database.writing() as connection:
            connection.execute(marked.values(is_recorded=True))
