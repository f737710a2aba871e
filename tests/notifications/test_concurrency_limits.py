"""Attempts are limited per channel, so slow and dead receivers delay no other channel."""

from __future__ import annotations

from contextlib import ExitStack

from support.desk import Desk
from support.receivers import deaf, receiver
from tocsin.model.notifications.delivery import DeliveryStatus

CHANNELS = 20
DELIVERIES = 10_000


def test_10_000_deliveries_to_20_channels_half_of_them_dead_do_not_delay_the_living(
    desk: Desk,
) -> None:
    """A dead receiver accepts a connection and does not answer for 15 s; with one limit for all
    channels, this would take hours."""
    with ExitStack() as stack:
        living = [stack.enter_context(receiver()) for _ in range(CHANNELS // 2)]
        urls = [url for one in living for url in (one.url, stack.enter_context(deaf()))]
        for url in urls:
            desk.subscribe(desk.channel(url=url))
        desk.tell(DELIVERIES // CHANNELS)
        desk.start()
        desk.wait(lambda: desk.deliveries.counts()[DeliveryStatus.SENT] == DELIVERIES // 2, 250)
        ids = [one.id for there in living for one in there.received]
        assert len(ids) == len(set(ids)) == DELIVERIES // 2


def test_two_workers_on_one_store_never_send_the_same_delivery(desk: Desk) -> None:
    with receiver() as there:
        desk.subscribe(desk.channel(url=there.url))
        desk.tell(300)
        first, second = desk.start(), desk.start()
        desk.wait(lambda: desk.deliveries.counts()[DeliveryStatus.SENT] == 300)
        first.stop()
        assert second is desk.dispatcher
    assert len({one.id for one in there.received}) == len(there.received) == 300


def test_what_a_dead_worker_has_claimed_is_due_again_when_its_claim_ends(desk: Desk) -> None:
    with receiver() as there:
        channel = desk.channel(url=there.url)
        desk.subscribe(channel)
        desk.tell()
        (claimed,) = desk.queue.claim({channel.channel_id: 8}, desk.now())
        assert desk.queue.claim({channel.channel_id: 8}, desk.now()) == []
        desk.queue.release_all()
        desk.start()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    assert there.received[0].id == str(claimed.delivery_id)
