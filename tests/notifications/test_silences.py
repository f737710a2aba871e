"""Silences hold back the deliveries of matching transitions only."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from support.alert_builder import alert
from support.delivery_harness import DeliveryHarness
from support.receivers import receiver
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.silence_draft import read_silence

ALERT = str(uuid4())
LABELS = {"team": "payments", "tier": "1"}
PAYLOAD = json.dumps({"alertId": ALERT, "dimensions": {"country": "ZA", "plan": None}}).encode()


def silence(harness: DeliveryHarness, **members: Any) -> Any:
    body = {"to": (harness.now() + timedelta(hours=1)).isoformat(), **members}
    return harness.silences.create(read_silence(body, harness.now()), harness.now())


def status_of_new_delivery(harness: DeliveryHarness) -> DeliveryStatus:
    """Enqueues the delivery of a transition and returns its status."""
    harness.enqueue(1, PAYLOAD, alert("1m", labels=LABELS))
    return harness.all()[0].status


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"alertId": ALERT}, DeliveryStatus.SILENCED),
        ({"alertId": str(uuid4())}, DeliveryStatus.PENDING),
        ({"labels": {"team": "payments"}}, DeliveryStatus.SILENCED),
        ({"labels": {"team": "payments", "tier": "2"}}, DeliveryStatus.PENDING),
        ({"labels": {"region": "eu"}}, DeliveryStatus.PENDING),
        ({"alertId": ALERT, "dimensions": {"country": "ZA"}}, DeliveryStatus.SILENCED),
        (
            {"alertId": ALERT, "dimensions": {"country": "ZA", "plan": None}},
            DeliveryStatus.SILENCED,
        ),
        ({"alertId": ALERT, "dimensions": {"country": "US"}}, DeliveryStatus.PENDING),
        ({"alertId": ALERT, "dimensions": {"city": None}}, DeliveryStatus.PENDING),
        ({"alertId": ALERT, "labels": {"team": "search"}}, DeliveryStatus.PENDING),
    ],
)
def test_a_silence_matches_by_alert_labels_and_dimensions(
    harness: DeliveryHarness, members: dict[str, Any], status: DeliveryStatus
) -> None:
    harness.subscribe(harness.channel(url="http://example.com/"))
    silence(harness, **members)
    assert status_of_new_delivery(harness) is status


def test_a_silence_takes_precedence_over_a_disabled_channel(harness: DeliveryHarness) -> None:
    channel = harness.channel(url="http://example.com/")
    harness.subscribe(channel)
    harness.disable(channel)
    assert status_of_new_delivery(harness) is DeliveryStatus.SKIPPED
    silence(harness, alertId=ALERT)
    assert status_of_new_delivery(harness) is DeliveryStatus.SILENCED
    assert harness.all()[0].skip_reason is None


def test_a_silence_applies_from_its_start_until_before_its_end(harness: DeliveryHarness) -> None:
    harness.subscribe(harness.channel(url="http://example.com/"))
    start = (harness.now() + timedelta(minutes=10)).isoformat()
    silence(harness, alertId=ALERT, **{"from": start})
    assert status_of_new_delivery(harness) is DeliveryStatus.PENDING
    harness.clock_offset = timedelta(minutes=11)
    assert status_of_new_delivery(harness) is DeliveryStatus.SILENCED
    harness.clock_offset = timedelta(minutes=61)
    assert status_of_new_delivery(harness) is DeliveryStatus.PENDING


def test_a_silenced_delivery_is_listed_and_can_be_retried(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.start()
        created = silence(harness, alertId=ALERT)
        assert status_of_new_delivery(harness) is DeliveryStatus.SILENCED
        (listed,) = harness.deliveries.page(10, silence_id=created.silence_id).deliveries
        harness.deliveries.retry(listed.delivery_id, harness.now())
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    assert len(endpoint.received) == 1
