"""Silences hold deliveries of transitions back, and nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from support.desk import Desk
from support.receivers import receiver
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.silence import read_silence

ALERT = str(uuid4())
LABELS = {"team": "payments", "tier": "1"}
PAYLOAD = json.dumps({"alertId": ALERT, "dimensions": {"country": "ZA", "plan": None}}).encode()


def silence(desk: Desk, **said: Any) -> Any:
    body = {"to": (desk.now() + timedelta(hours=1)).isoformat(), **said}
    return desk.silences.create(read_silence(body, desk.now()), desk.now())


def told(desk: Desk) -> DeliveryStatus:
    """What becomes of the delivery of a transition."""
    interactions = desk.interactions(1, PAYLOAD)
    with desk.database.writing() as connection:
        desk.deliveries.enqueue(connection, interactions, desk.now(), LABELS)
    return desk.all()[0].status


@pytest.mark.parametrize(
    ("said", "status"),
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
    desk: Desk, said: dict[str, Any], status: DeliveryStatus
) -> None:
    desk.subscribe(desk.channel(url="http://example.com/"))
    silence(desk, **said)
    assert told(desk) is status


def test_a_silence_goes_before_a_disabled_channel(desk: Desk) -> None:
    channel = desk.channel(url="http://example.com/")
    desk.subscribe(channel)
    desk.disable(channel)
    assert told(desk) is DeliveryStatus.SKIPPED
    silence(desk, alertId=ALERT)
    assert told(desk) is DeliveryStatus.SILENCED
    assert desk.all()[0].skip_reason is None


def test_it_holds_from_its_start_until_before_its_end(desk: Desk) -> None:
    desk.subscribe(desk.channel(url="http://example.com/"))
    start = (desk.now() + timedelta(minutes=10)).isoformat()
    silence(desk, alertId=ALERT, **{"from": start})
    assert told(desk) is DeliveryStatus.PENDING
    desk.ahead = timedelta(minutes=11)
    assert told(desk) is DeliveryStatus.SILENCED
    desk.ahead = timedelta(minutes=61)
    assert told(desk) is DeliveryStatus.PENDING


def test_what_was_held_back_is_listed_and_can_be_sent_after_all(desk: Desk) -> None:
    with receiver() as there:
        desk.subscribe(desk.channel(url=there.url))
        desk.start()
        held = silence(desk, alertId=ALERT)
        assert told(desk) is DeliveryStatus.SILENCED
        (listed,) = desk.deliveries.page(10, silence_id=held.silence_id).deliveries
        desk.deliveries.retry(listed.delivery_id, desk.now())
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    assert len(there.received) == 1
