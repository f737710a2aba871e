"""Deliveries to a disabled channel are listed as skipped, and can be retried."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.delivery_harness import DeliveryHarness
from support.receivers import receiver
from tocsin.errors import Conflict
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.subscription import read_subscription
from tocsin.store.deliveries import DELIVERY_RETENTION

NOWHERE = "http://127.0.0.1:9/"


def stage(harness: DeliveryHarness, count: int = 1) -> set[bytes]:
    """Stage the deliveries of new interactions, as the committer does before it appends them."""
    interactions = harness.interactions(count)
    assert harness.deliveries.with_subscribers(interactions) == interactions
    harness.deliveries.stage(interactions, harness.now())
    return {interaction.interaction_id for interaction in interactions}


def test_an_interaction_for_a_disabled_channel_is_skipped_once_it_is_on_disk(
    harness: DeliveryHarness,
) -> None:
    channel = harness.channel(url=NOWHERE)
    harness.subscribe(channel)
    harness.disable(channel, "It answered 410 Gone")
    on_disk, missing = stage(harness), stage(harness)
    assert harness.all() == []
    harness.deliveries.reconcile(on_disk, missing)
    delivery = harness.only()
    assert delivery.status is DeliveryStatus.SKIPPED
    assert delivery.skip_reason == "The channel was disabled: It answered 410 Gone"
    assert delivery.interaction_id.bytes in on_disk
    assert harness.deliveries.counts()[DeliveryStatus.SKIPPED] == 1


def test_only_the_disabled_channel_of_several_is_skipped(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        enabled, disabled = harness.channel(url=endpoint.url), harness.channel(url=NOWHERE)
        for channel in (enabled, disabled):
            harness.subscribe(channel)
        harness.disable(disabled)
        harness.start()
        harness.deliveries.reconcile(stage(harness), ())
        harness.enqueue()
        harness.wait(lambda: len(harness.all(DeliveryStatus.SENT)) == 2)
    assert {each.channel_id for each in harness.all(DeliveryStatus.SKIPPED)} == {
        disabled.channel_id
    }
    assert {each.channel_id for each in harness.all(DeliveryStatus.SENT)} == {enabled.channel_id}


def test_a_skipped_delivery_is_sent_only_when_it_is_retried(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        channel = harness.channel(url=endpoint.url)
        harness.subscribe(channel)
        harness.disable(channel)
        harness.start()
        harness.enqueue()
        harness.channels.replace(channel.channel_id, channel.spec, harness.now())
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
        (skipped,) = harness.all(DeliveryStatus.SKIPPED)
        assert len(endpoint.received) == 1
        retried = harness.deliveries.retry(skipped.delivery_id, harness.now())
        assert (retried.status, retried.skip_reason) == (DeliveryStatus.PENDING, None)
        harness.wait(lambda: len(harness.all(DeliveryStatus.SENT)) == 2)
        with pytest.raises(Conflict):
            harness.deliveries.retry(skipped.delivery_id, harness.now())


def test_a_delivery_that_is_retried_while_its_channel_is_disabled_waits_for_the_channel(
    harness: DeliveryHarness,
) -> None:
    with receiver() as endpoint:
        channel = harness.channel(url=endpoint.url)
        harness.subscribe(channel)
        harness.disable(channel)
        harness.start()
        harness.enqueue()
        retried = harness.deliveries.retry(harness.only().delivery_id, harness.now())
        assert (retried.status, retried.due) == (DeliveryStatus.PENDING, None)
        harness.channels.replace(channel.channel_id, channel.spec, harness.now())
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))


def test_a_disabled_subscription_creates_no_deliveries(harness: DeliveryHarness) -> None:
    harness.subscribe(harness.channel(url=NOWHERE))
    (subscription,) = harness.subscriptions.all()
    body = {
        "channelId": str(subscription.channel_id),
        "resourceTypeId": str(subscription.resource_type_id),
        "actionId": str(subscription.action_id),
        "enabled": False,
    }
    changed = read_subscription(body, harness.catalog)
    harness.subscriptions.replace(subscription.subscription_id, changed, harness.now())
    harness.enqueue()
    assert harness.all() == []


def test_skipped_deliveries_are_deleted_after_their_retention_and_record_no_outcome(
    harness: DeliveryHarness,
) -> None:
    channel = harness.channel(url=NOWHERE)
    harness.subscribe(channel)
    harness.disable(channel)
    harness.enqueue(3)
    assert harness.queue.unrecorded(10) == []
    created = harness.all()[0].created_date
    assert harness.deliveries.drop_before(created) == 0
    assert harness.deliveries.drop_before(created + DELIVERY_RETENTION + timedelta(days=1)) == 3
