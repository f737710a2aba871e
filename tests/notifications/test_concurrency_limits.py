"""Attempts are limited per channel, so slow and dead receivers delay no other channel."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from support.delivery_harness import DeliveryHarness
from support.receivers import deaf, receiver
from tocsin.model.notifications.delivery import DeliveryStatus

CHANNELS = 20


@pytest.mark.parametrize("deliveries", [1_500, pytest.param(10_000, marks=pytest.mark.long)])
def test_10_dead_receivers_do_not_delay_the_deliveries_to_10_others(
    harness: DeliveryHarness, deliveries: int
) -> None:
    """A dead receiver accepts a connection and does not answer for 15 s; with one limit for all
    channels, this would take many minutes."""
    with ExitStack() as stack:
        receivers = [stack.enter_context(receiver()) for _ in range(CHANNELS // 2)]
        urls = [url for alive in receivers for url in (alive.url, stack.enter_context(deaf()))]
        for url in urls:
            harness.subscribe(harness.channel(url=url))
        harness.enqueue(deliveries // CHANNELS)
        harness.start()
        harness.wait(
            lambda: harness.deliveries.counts()[DeliveryStatus.SENT] == deliveries // 2, 250
        )
        ids = [message.id for alive in receivers for message in alive.received]
        assert len(ids) == len(set(ids)) == deliveries // 2


def test_two_workers_on_one_store_never_send_the_same_delivery(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.enqueue(300)
        first, second = harness.start(), harness.start()
        harness.wait(lambda: harness.deliveries.counts()[DeliveryStatus.SENT] == 300)
        first.stop()
        assert second is harness.dispatcher
    assert len({message.id for message in endpoint.received}) == len(endpoint.received) == 300


def test_a_delivery_that_a_dead_worker_claimed_is_due_again_when_its_claim_ends(
    harness: DeliveryHarness,
) -> None:
    with receiver() as endpoint:
        channel = harness.channel(url=endpoint.url)
        harness.subscribe(channel)
        harness.enqueue()
        (claimed,) = harness.queue.claim({channel.channel_id: 8}, harness.now())
        assert harness.queue.claim({channel.channel_id: 8}, harness.now()) == []
        harness.queue.release_all()
        harness.start()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    assert endpoint.received[0].id == str(claimed.delivery_id)
