"""The election of a leader, and what a former leader can still do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text

from support.databases import migrated_database, server_only, url_of
from support.receivers import wait_for
from tocsin.errors import Deposed
from tocsin.model.notifications.delivery import Attempt, DeliveryStatus, SendResult
from tocsin.model.notifications.retries import CompletedAttempt, NextStep
from tocsin.process.events import Events, LeadershipGained
from tocsin.store.database import Database
from tocsin.store.delivery_queue import CLAIM, DeliveryQueue
from tocsin.store.leader_lock import LeaderLock
from tocsin.store.node_lock import CERTAIN_SECONDS, SILENT_SECONDS, NodeLock
from tocsin.store.notification_tables import attempts, deliveries

pytestmark = server_only

AT = datetime(2026, 3, 20, 12, tzinfo=UTC)
CHANNEL = uuid4()


class Node:
    """A node whose threads do not run: each `lock.run_once()` is one second of its life."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.database = Database(f"{url}?application_name={name}")
        self.elections: list[bool] = []
        events = Events()
        events.subscribe(
            LeadershipGained, lambda event: self.elections.append(event.has_predecessor_ended)
        )
        self.node_lock = NodeLock(self.database, name)
        self.lock = LeaderLock(self.database, name, self.node_lock, events, CLAIM)
        self.queue = DeliveryQueue(self.database, self.lock)

    def leads(self) -> bool:
        """Whether this node leads, or can be elected now."""
        self.lock.run_once()
        return self.lock.is_leader

    def stop(self) -> None:
        self.lock.stop()
        self.node_lock.stop()

    def close(self) -> None:
        self.stop()
        self.database.close()


@pytest.fixture
def url() -> Iterator[str]:
    with migrated_database() as name:
        yield url_of(name)


@pytest.fixture
def node(url: str) -> Iterator[Callable[[str], Node]]:
    with ExitStack() as stack:

        def open_node(name: str) -> Node:
            opened = Node(url, name)
            stack.callback(opened.close)
            return opened

        yield open_node


def end_sessions(url: str, name: str) -> None:
    """End all connections of a node, as its death does."""
    with closing(Database(url)) as database, database.session() as connection:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        connection.execute(text(f"{ended}:name"), {"name": name})


def add_delivery(database: Database) -> UUID:
    id = uuid4()
    row = {
        "delivery_id": id,
        "subscription_id": uuid4(),
        "channel_id": CHANNEL,
        "interaction_id": uuid4(),
        "snapshot": "{}",
        "status": DeliveryStatus.PENDING,
        "tries": 0,
        "due": AT,
        "is_end_recorded": False,
        "created_date": AT,
    }
    with database.writing() as connection:
        connection.execute(insert(deliveries).values(row))
    return id


def status_of(database: Database, id: UUID) -> str:
    with database.reading() as connection:
        query = select(deliveries.c.status).where(deliveries.c.delivery_id == id)
        return str(connection.execute(query).scalar_one())


def test_one_node_leads_until_it_stops(node: Callable[[str], Node]) -> None:
    first, second = node("first"), node("second")
    for each in (first, second, first, second):
        each.lock.run_once()
    assert (first.lock.is_leader, second.lock.is_leader) == (True, False)
    assert first.elections == [True]
    first.stop()
    # PostgreSQL ends the session of the first one a moment after its connection is closed.
    wait_for(second.leads)
    assert (first.lock.is_leader, second.lock.is_leader) == (False, True)
    assert second.lock.epoch > first.lock.epoch
    assert second.elections == [True]


def test_the_next_leader_waits_for_a_dead_one_and_knows_that_it_ended(
    url: str, node: Callable[[str], Node]
) -> None:
    dead, heir = node("dead"), node("heir")
    dead.lock.run_once()
    end_sessions(url, "dead")
    began = time.monotonic()
    heir.lock.run_once()
    assert heir.lock.is_leader
    assert heir.elections == [True]
    assert time.monotonic() - began < 5


def test_a_stopped_leader_loses_its_office_but_not_its_claims(
    node: Callable[[str], Node],
) -> None:
    stopped, heir = node("stopped"), node("heir")
    stopped.lock.run_once()
    id = add_delivery(stopped.database)
    (claimed,) = stopped.queue.claim({CHANNEL: 8}, AT)
    heir.lock.run_once()
    assert not heir.lock.is_leader
    time.sleep(CERTAIN_SECONDS)
    assert not stopped.lock.is_leader
    time.sleep(SILENT_SECONDS - CERTAIN_SECONDS + 0.5)
    heir.lock.run_once()
    assert heir.lock.is_leader
    # The stopped leader may send the message when it continues.
    assert heir.elections == [False]
    assert heir.queue.claim({CHANNEL: 8}, AT) == []
    for fenced in (
        lambda: stopped.queue.claim({CHANNEL: 8}, AT + CLAIM),
        stopped.queue.release_all,
    ):
        with pytest.raises(Deposed):
            fenced()
    (taken,) = heir.queue.claim({CHANNEL: 8}, AT + CLAIM)
    assert (taken.delivery_id, claimed.delivery_id) == (id, id)
    sent = Attempt(AT, SendResult(None, 200), timedelta(0))
    stopped.queue.finish([CompletedAttempt(claimed, sent, NextStep(DeliveryStatus.SENT))])
    assert status_of(heir.database, id) == DeliveryStatus.PENDING
    heir.queue.finish([CompletedAttempt(taken, sent, NextStep(DeliveryStatus.SENT))])
    assert status_of(heir.database, id) == DeliveryStatus.SENT
    with heir.database.reading() as connection:
        assert len(connection.execute(select(attempts)).all()) == 2
    stopped.lock.run_once()
    assert not stopped.lock.is_leader


def test_a_leader_that_connects_again_is_elected_again(
    url: str, node: Callable[[str], Node]
) -> None:
    leader = node("leader")
    leader.lock.run_once()
    epoch = leader.lock.epoch
    end_sessions(url, "leader")
    leader.lock.run_once()
    assert leader.lock.is_leader
    assert leader.lock.epoch > epoch
    # Its own claims are still in use.
    assert leader.elections == [True, False]


def test_a_follower_is_fenced(node: Callable[[str], Node]) -> None:
    leader, follower = node("leader"), node("follower")
    leader.lock.run_once()
    add_delivery(leader.database)
    with pytest.raises(Deposed):
        follower.queue.claim({CHANNEL: 8}, AT)
    assert len(leader.queue.claim({CHANNEL: 8}, AT)) == 1
