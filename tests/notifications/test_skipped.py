"""What arrives while its channel is disabled is listed as skipped, and can be sent after all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.desk import Desk
from support.receivers import receiver
from tocsin.errors import Conflict
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.subscription import read_subscription
from tocsin.store.deliveries import DELIVERY_RETENTION

NOWHERE = "http://127.0.0.1:9/"


def stage(desk: Desk, count: int = 1) -> set[bytes]:
    """Stage deliveries of interactions, as it is done before they are appended."""
    interactions = desk.interactions(count)
    assert desk.deliveries.with_subscribers(interactions) == interactions
    desk.deliveries.stage(interactions, desk.now())
    return {one.interaction_id for one in interactions}


def test_an_interaction_for_a_disabled_channel_is_skipped_once_it_is_on_disk(desk: Desk) -> None:
    channel = desk.channel(url=NOWHERE)
    desk.subscribe(channel)
    desk.disable(channel, "It answered 410 Gone")
    on_disk, missing = stage(desk), stage(desk)
    assert desk.all() == []
    desk.deliveries.reconcile(on_disk, missing)
    delivery = desk.only()
    assert delivery.status is DeliveryStatus.SKIPPED
    assert delivery.skip_reason == "The channel was disabled: It answered 410 Gone"
    assert delivery.interaction_id.bytes in on_disk
    assert desk.deliveries.counts()[DeliveryStatus.SKIPPED] == 1


def test_only_the_disabled_channel_of_several_is_skipped(desk: Desk) -> None:
    with receiver() as there:
        enabled, disabled = desk.channel(url=there.url), desk.channel(url=NOWHERE)
        for channel in (enabled, disabled):
            desk.subscribe(channel)
        desk.disable(disabled)
        desk.start()
        desk.deliveries.reconcile(stage(desk), ())
        desk.tell()
        desk.wait(lambda: len(desk.all(DeliveryStatus.SENT)) == 2)
    assert {one.channel_id for one in desk.all(DeliveryStatus.SKIPPED)} == {disabled.channel_id}
    assert {one.channel_id for one in desk.all(DeliveryStatus.SENT)} == {enabled.channel_id}


def test_what_was_skipped_is_sent_when_it_is_retried_and_not_by_itself(desk: Desk) -> None:
    with receiver() as there:
        channel = desk.channel(url=there.url)
        desk.subscribe(channel)
        desk.disable(channel)
        desk.start()
        desk.tell()
        desk.channels.replace(channel.channel_id, channel.spec, desk.now())
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
        (skipped,) = desk.all(DeliveryStatus.SKIPPED)
        assert len(there.received) == 1
        retried = desk.deliveries.retry(skipped.delivery_id, desk.now())
        assert (retried.status, retried.skip_reason) == (DeliveryStatus.PENDING, None)
        desk.wait(lambda: len(desk.all(DeliveryStatus.SENT)) == 2)
        with pytest.raises(Conflict):
            desk.deliveries.retry(skipped.delivery_id, desk.now())


def test_what_is_retried_while_its_channel_is_disabled_waits_for_it(desk: Desk) -> None:
    with receiver() as there:
        channel = desk.channel(url=there.url)
        desk.subscribe(channel)
        desk.disable(channel)
        desk.start()
        desk.tell()
        retried = desk.deliveries.retry(desk.only().delivery_id, desk.now())
        assert (retried.status, retried.due) == (DeliveryStatus.PENDING, None)
        desk.channels.replace(channel.channel_id, channel.spec, desk.now())
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))


def test_a_disabled_subscription_leaves_nothing_as_if_it_were_deleted(desk: Desk) -> None:
    desk.subscribe(desk.channel(url=NOWHERE))
    (subscription,) = desk.subscriptions.all()
    body = {
        "channelId": str(subscription.channel_id),
        "resourceTypeId": str(subscription.resource_type_id),
        "actionId": str(subscription.action_id),
        "enabled": False,
    }
    changed = read_subscription(body, desk.catalog)
    desk.subscriptions.replace(subscription.subscription_id, changed, desk.now())
    desk.tell()
    assert desk.all() == []


def test_skipped_deliveries_end_with_their_retention_and_record_nothing(desk: Desk) -> None:
    channel = desk.channel(url=NOWHERE)
    desk.subscribe(channel)
    desk.disable(channel)
    desk.tell(3)
    assert desk.queue.unrecorded(10) == []
    made = desk.all()[0].created_date
    assert desk.deliveries.drop_before(made) == 0
    assert desk.deliveries.drop_before(made + DELIVERY_RETENTION + timedelta(days=1)) == 3
