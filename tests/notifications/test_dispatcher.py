"""The dispatcher without its thread: a run saves results and starts the attempts that are due."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.delivery_harness import DeliveryHarness
from support.receivers import answering, receiver, wait_for
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.notifications.attempts import Attempts
from tocsin.notifications.dispatcher import CONCURRENCY, Dispatcher
from tocsin.process.events import LeadershipGained


@pytest.fixture
def attempts(harness: DeliveryHarness) -> Iterator[Attempts]:
    """The event loop on which attempts are made."""
    started = harness.new_attempts()
    started.start()
    yield started
    started.stop(0)


def test_a_run_starts_as_many_attempts_as_the_channel_allows(
    harness: DeliveryHarness, attempts: Attempts
) -> None:
    with receiver() as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.enqueue(CONCURRENCY + 3)
        dispatcher = harness.new_dispatcher(attempts)
        dispatcher.run_once()
        wait_for(lambda: attempts.counts["webhook", "sent"] == CONCURRENCY)
        assert len(endpoint.received) == CONCURRENCY
        assert harness.all(DeliveryStatus.SENT) == []
        wait_for(
            lambda: (
                dispatcher.run_once() and len(harness.all(DeliveryStatus.SENT)) == CONCURRENCY + 3
            )
        )


def test_the_next_run_saves_a_result_and_schedules_the_retry(
    harness: DeliveryHarness, attempts: Attempts
) -> None:
    with receiver(answering(500)) as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.enqueue()
        dispatcher: Dispatcher = harness.new_dispatcher(attempts)
        dispatcher.run_once()
        wait_for(lambda: attempts.counts["webhook", "failed"])
        wait_for(lambda: dispatcher.run_once() and harness.only().attempts)
        delivery = harness.only()
        assert (delivery.status, delivery.tries) == (DeliveryStatus.PENDING, 1)
        assert delivery.due
        assert delivery.due > harness.now()


def test_a_node_sends_nothing_until_it_is_the_leader(
    harness: DeliveryHarness, attempts: Attempts
) -> None:
    with receiver() as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.enqueue()
        harness.leadership.is_leader = False
        dispatcher = harness.new_dispatcher(attempts)
        dispatcher.run_once()
        assert harness.queue.claim({harness.only().channel_id: 1}, harness.now())
        harness.leadership.is_leader = True
        dispatcher.run_once()
        assert not endpoint.received
        dispatcher.on_leadership_gained(LeadershipGained())
        dispatcher.run_once()
        wait_for(lambda: endpoint.received)
