"""The recipients of an interaction: subscriptions whose filters hold, and channels of its alert."""

from __future__ import annotations

from typing import Any
from uuid import uuid4, uuid5

import pytest

from support.alert_builder import alert
from support.delivery_harness import DeliveryHarness
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus

CRITICAL = {"field": "interaction.severity", "operator": "eq", "value": "critical"}
LARGE = {"field": "interaction.total", "operator": "gt", "value": 1000}
OF_PAYMENTS = {"field": "interaction.labels.team", "operator": "matches", "value": "^(?i)pay"}


def channel(harness: DeliveryHarness) -> Channel:
    return harness.channel(url="http://example.com/")


def deliveries_to(harness: DeliveryHarness, channel: Channel) -> list[Delivery]:
    return [each for each in harness.all() if each.channel_id == channel.channel_id]


@pytest.mark.parametrize(
    ("filters", "payload", "is_delivered"),
    [
        ([CRITICAL], b'{"severity": "critical"}', True),
        ([CRITICAL], b'{"severity": "warning"}', False),
        ([CRITICAL], b"{}", False),
        ([LARGE], b'{"total": "1000.5"}', True),
        ([LARGE], b'{"total": 1e3}', False),
        ([CRITICAL, LARGE], b'{"severity": "critical", "total": 1}', False),
        ([{"any": [CRITICAL, LARGE]}], b'{"severity": "critical", "total": 1}', True),
        ([{"not": {"any": [CRITICAL, LARGE]}}], b'{"severity": null}', True),
        ([OF_PAYMENTS], b'{"labels": {"team": "Payments"}}', True),
        ([OF_PAYMENTS], b'{"labels": {"team": "search"}}', False),
        ([{"field": "action", "operator": "eq", "value": "LEFT"}], b"{}", True),
        ([{"field": "origin", "operator": "in", "value": ["APP", None]}], b"{}", False),
    ],
)
def test_a_subscription_gets_the_interactions_that_its_filters_select(
    harness: DeliveryHarness, filters: list[dict[str, Any]], payload: bytes, is_delivered: bool
) -> None:
    harness.subscribe(channel(harness), filters=filters)
    (interaction,) = harness.interactions(1, payload)
    assert harness.deliveries.with_subscribers([interaction]) == [interaction] * is_delivered
    harness.enqueue(payload=payload)
    harness.deliveries.stage([interaction], harness.now())
    harness.deliveries.reconcile([interaction.interaction_id], [])
    assert len(harness.all()) == 2 * is_delivered


def test_filters_apply_when_the_delivery_is_created(harness: DeliveryHarness) -> None:
    harness.subscribe(channel(harness), filters=[CRITICAL])
    harness.enqueue(payload=b'{"severity": "critical"}')
    (subscription,) = harness.subscriptions.all()
    harness.subscriptions.delete(subscription.subscription_id, harness.now())
    harness.subscribe(channel(harness), filters=[{"not": CRITICAL}])
    assert harness.only().status is DeliveryStatus.PENDING
    harness.enqueue(payload=b'{"severity": "critical"}')
    assert len(harness.all()) == 1


def test_a_channel_of_the_alert_gets_its_transitions_without_a_subscription(
    harness: DeliveryHarness,
) -> None:
    first, second = channel(harness), channel(harness)
    of_alert = alert("1m", channel_ids=(first.channel_id, second.channel_id))
    (interaction,) = harness.interactions(1)
    for _ in range(2):
        with harness.database.writing() as connection:
            harness.deliveries.enqueue(connection, [interaction], harness.now(), of_alert)
    ids = {each.channel_id: each.delivery_id for each in harness.all()}
    hex = interaction.interaction_id.hex()
    assert ids == {each.channel_id: uuid5(each.channel_id, hex) for each in (first, second)}
    assert all(each.is_of_alert and not each.has_template for each in harness.all())


def test_a_channel_that_a_subscription_leads_to_gets_one_message(harness: DeliveryHarness) -> None:
    subscribed, other = channel(harness), channel(harness)
    harness.subscribe(subscribed, template={"title": "by the subscription"}, filters=[CRITICAL])
    of_alert = alert("1m", channel_ids=(subscribed.channel_id, other.channel_id))
    harness.enqueue(payload=b'{"severity": "critical"}', alert=of_alert)
    (delivery,) = deliveries_to(harness, subscribed)
    assert delivery.template.title == "by the subscription"
    assert len(deliveries_to(harness, other)) == 1
    # Its filters exclude this one, so that the alert itself sends it.
    harness.enqueue(payload=b'{"severity": "info"}', alert=of_alert)
    assert len(deliveries_to(harness, subscribed)) == len(deliveries_to(harness, other)) == 2


def test_every_subscription_gets_its_own_message_as_before(harness: DeliveryHarness) -> None:
    both = channel(harness)
    harness.subscribe(both)
    harness.subscribe(both, template={"title": "another"})
    harness.enqueue(alert=alert("1m", channel_ids=(both.channel_id,)))
    assert len(harness.all()) == 2
    assert not any(each.is_of_alert for each in harness.all())


def test_a_disabled_channel_of_an_alert_skips_and_a_deleted_one_is_ignored(
    harness: DeliveryHarness,
) -> None:
    disabled = channel(harness)
    harness.disable(disabled)
    harness.enqueue(alert=alert("1m", channel_ids=(uuid4(), disabled.channel_id)))
    assert harness.only().status is DeliveryStatus.SKIPPED
