"""The bundles of grouped subscriptions: transitions open them and join them.

Everything happens in the transaction that stores the transitions. Bundles and reminders that were
due before are settled first, so that a late worker changes nothing about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete, select

from tocsin.model.alerts.alert import Alert
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.subscription import Subscription
from tocsin.store.bundle_closing import BundleCloser, due_subscriptions, silenced_subscriptions
from tocsin.store.bundle_collection import Collection, occurrence_of
from tocsin.store.database import Database
from tocsin.store.deliveries import Deliveries
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.new_deliveries import ReachedChannels
from tocsin.store.notification_tables import bundle_groups, bundles
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.transitions import WrittenTransition

# A subscription may have a key for each group. Others wait for the write lock meanwhile.
_KEYS = 100


class Bundles:
    def __init__(
        self,
        database: Database,
        subscriptions: Subscriptions,
        deliveries: Deliveries,
        closer: BundleCloser,
        fence: Fence = NO_FENCE,
    ) -> None:
        self._database = database
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._closer = closer
        self._fence = fence

    def collect(
        self, connection: Connection, written: Sequence[WrittenTransition]
    ) -> ReachedChannels:
        """Add transitions of one alert to the bundles of grouped subscriptions, in this
        transaction; those of severities that are not held get a delivery. Returns the channels
        that the subscriptions report an interaction to, by its id."""
        reached: dict[bytes, set[UUID]] = {}
        grouped = self._subscriptions.grouped
        if not grouped:
            return reached
        matching = [self._matching(interaction) for _, interaction in written]
        interactions = [interaction for _, interaction in written]
        alert = written[0][0].alert
        for subscription in grouped:
            occurrences = [
                occurrence_of(*each, is_matched=subscription.subscription_id in ids)
                for each, ids in zip(written, matching, strict=True)
            ]
            for interaction in self._collect(
                connection, subscription, occurrences, interactions, alert
            ):
                reached.setdefault(interaction.interaction_id, set()).add(subscription.channel_id)
        return reached

    def _collect(
        self,
        connection: Connection,
        subscription: Subscription,
        occurrences: Sequence[GroupTransition],
        interactions: Sequence[Interaction | None],
        alert: Alert,
    ) -> list[Interaction]:
        """The interactions that the subscription reports, now or in a bundle."""
        at = occurrences[0].at
        self._closer.settle(connection, subscription, at)
        collection = Collection(connection, subscription, occurrences)
        singles, taken = [], []
        for occurrence, interaction in zip(occurrences, interactions, strict=True):
            result = collection.take(occurrence)
            if result and interaction:
                taken.append(interaction)
                singles += [interaction] if result.is_single else []
        collection.write()
        if singles:
            self._deliveries.enqueue_for(connection, subscription, singles, at, alert)
        return taken

    def release(self, silence_id: UUID, at: datetime) -> None:
        """Put the groups that a silence held back and that still fire into bundles once more;
        those that another silence matches wait for that one. Raises Deposed or Unavailable."""
        with self._database.revisions.changing() as connection:
            self._fence.check(connection)
            for id in silenced_subscriptions(connection, silence_id):
                subscription = self._subscriptions.find(id)
                if subscription and subscription.grouping:
                    self._closer.settle(connection, subscription, at)
                    self._closer.release(connection, subscription, silence_id, at)

    def settle(self, at: datetime) -> bool:
        """Close the bundles and send the reminders that are due; whether there were any. Raises
        Deposed or Unavailable."""
        # The answer is nearly always no, so it does not take the write lock.
        with self._database.reading() as connection:
            due = due_subscriptions(connection, at)
        for id in due:
            while self._settle_some(id, at) == _KEYS:
                pass
        return bool(due)

    def _settle_some(self, subscription_id: UUID, at: datetime) -> int:
        """Settle some keys in one transaction; returns their number."""
        with self._database.revisions.changing() as connection:
            self._fence.check(connection)
            subscription = self._subscriptions.find(subscription_id)
            if subscription is None:
                return 0
            return self._closer.settle(connection, subscription, at, _KEYS)

    def silencing(self) -> list[UUID]:
        """The ids of the silences that hold back groups of bundles."""
        silenced_by = bundle_groups.c.silenced_by
        query = select(silenced_by).where(silenced_by.is_not(None)).distinct()
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def next_due(self) -> datetime | None:
        """When the next bundle closes or the next reminder is due."""
        columns = bundles.c.closes_at, bundles.c.remind_at
        queries = [
            select(column).where(column.is_not(None)).order_by(column).limit(1)
            for column in columns
        ]
        with self._database.reading() as connection:
            firsts = [connection.execute(query).scalar() for query in queries]
        return min((at for at in firsts if at), default=None)

    def forget_idle(self, before: datetime) -> int:
        """Delete the keys whose last bundle closed before an instant, and of which nothing fires;
        returns their number."""
        is_idle = bundles.c.closes_at.is_(None) & (bundles.c.closed_at < before)
        is_used = select(bundle_groups.c.bundle_id).where(
            bundle_groups.c.bundle_id == bundles.c.bundle_id
        )
        with self._database.writing() as connection:
            idle = delete(bundles).where(is_idle, ~is_used.exists())
            return connection.execute(idle).rowcount

    def _matching(self, interaction: Interaction | None) -> set[UUID]:
        """The ids of the subscriptions that match an interaction."""
        if interaction is None:
            return set()
        recipients = self._deliveries.matching(interaction)
        return {each.subscription.subscription_id for each in recipients if each.subscription}
