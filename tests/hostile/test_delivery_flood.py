"""A flood of interactions fills neither the store nor the queue of a subscribed channel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from support.delivery_harness import DeliveryHarness
from support.deployments import settings_in
from support.receivers import Receiver, answering, receiver, wait_for
from tocsin.api.app import create_app
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import MAX_SNAPSHOT, TOCSIN, Delivery, DeliveryStatus
from tocsin.model.notifications.dropped import ANNOUNCED_AFTER, RESERVED_FOR_ALERTS
from tocsin.runtime import Runtime

LIMIT = 10
NOWHERE = "http://127.0.0.1:9/"
ADMIN = "an-admin-key-of-the-tests"
TOPIC = {"resourceType": "T", "action": "LEFT"}


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[DeliveryHarness]:
    opened = DeliveryHarness(tmp_path, LIMIT)
    yield opened
    opened.close()


def subscribed(harness: DeliveryHarness, url: str = NOWHERE) -> Channel:
    channel = harness.channel(url=url)
    harness.subscribe(channel)
    return channel


def stage(harness: DeliveryHarness, count: int) -> set[bytes]:
    interactions = harness.interactions(count)
    harness.deliveries.stage(interactions, harness.now())
    return {each.interaction_id for each in interactions}


def record(harness: DeliveryHarness, count: int) -> None:
    """Stage and reconcile, as the outbox does around an append."""
    harness.deliveries.reconcile(stage(harness, count), ())


def messages(harness: DeliveryHarness) -> list[Delivery]:
    """The messages about dropped deliveries."""
    return [each for each in harness.all() if each.subscription_id == TOCSIN]


def test_what_a_channel_has_no_room_for_is_dropped_and_counted(harness: DeliveryHarness) -> None:
    subscribed(harness)
    record(harness, LIMIT - 1)
    record(harness, 5)
    record(harness, 5)
    assert len(harness.all(DeliveryStatus.PENDING)) == LIMIT
    assert harness.dropped.total() == 9


def test_a_drop_counts_once_its_interaction_is_on_disk_and_only_then(
    harness: DeliveryHarness,
) -> None:
    subscribed(harness)
    record(harness, LIMIT)
    on_disk, missing, in_doubt = stage(harness, 3), stage(harness, 4), stage(harness, 5)
    assert harness.deliveries.staged() == on_disk | missing | in_doubt
    assert harness.dropped.total() == 0
    harness.deliveries.reconcile(on_disk, missing)
    assert harness.dropped.total() == 3
    assert harness.deliveries.staged() == in_doubt
    harness.deliveries.reconcile(in_doubt, ())
    assert harness.dropped.total() == 8
    assert harness.deliveries.staged() == set()


def test_a_drop_outlives_a_crash_between_staging_and_settling(tmp_path: Path) -> None:
    before = DeliveryHarness(tmp_path, LIMIT)
    subscribed(before)
    on_disk = stage(before, LIMIT + 3)
    before.close()
    after = DeliveryHarness(tmp_path, LIMIT)
    assert after.deliveries.staged() == on_disk
    after.deliveries.reconcile(on_disk, ())
    after.deliveries.reconcile(on_disk, ())
    assert (len(after.all(DeliveryStatus.PENDING)), after.dropped.total()) == (LIMIT, 3)
    after.close()


def test_a_flood_is_announced_in_one_message_when_there_is_room_again(
    harness: DeliveryHarness,
) -> None:
    with receiver() as endpoint:
        endpoint.behave = answering(503)
        subscribed(harness, endpoint.url)
        for _ in range(4):
            record(harness, LIMIT)
        harness.dropped.announce(harness.now())
        assert messages(harness) == []
        endpoint.behave = answering(204)
        harness.start()
        harness.wait(lambda: len(harness.all(DeliveryStatus.SENT)) == LIMIT + 1)
        (announcement,) = messages(harness)
        assert announcement.interaction["interaction"]["dropped"] == 3 * LIMIT
        (message,) = [
            each.json for each in endpoint.received if each.json["type"] == "CHANNEL.dropped"
        ]
        assert message["title"] == "30 messages were dropped"
        assert "TOCSIN_MAX_PENDING_DELIVERIES" in message["body"]
        harness.wait(lambda: len(harness.recorded) == LIMIT)
        assert {each["action"] for each in harness.recorded} == {"notified"}


def test_a_flood_that_goes_on_is_announced_once_an_hour(harness: DeliveryHarness) -> None:
    subscribed(harness)
    record(harness, LIMIT + 2)
    harness.dropped.announce(harness.now() + ANNOUNCED_AFTER - timedelta(minutes=1))
    assert messages(harness) == []
    for _ in range(3):
        harness.dropped.announce(harness.now() + ANNOUNCED_AFTER)
    assert len(messages(harness)) == 1


def test_a_message_of_dropped_ones_that_failed_can_be_retried(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        endpoint.behave = answering(500)
        subscribed(harness, endpoint.url)
        record(harness, LIMIT + 2)
        harness.clock_offset = ANNOUNCED_AFTER
        harness.start(delays=[])
        harness.wait(lambda: len(harness.all(DeliveryStatus.FAILED)) == LIMIT + 1)
        endpoint.behave = answering(204)
        harness.deliveries.retry(messages(harness)[0].delivery_id, harness.now())
        harness.wait(lambda: messages(harness)[0].status is DeliveryStatus.SENT)
        harness.wait(lambda: len(harness.recorded) == LIMIT)
        assert harness.queue.unrecorded(100) == []


def test_a_disabled_channel_is_no_way_around_the_ceiling(harness: DeliveryHarness) -> None:
    channel = subscribed(harness)
    harness.disable(channel)
    record(harness, LIMIT + 4)
    assert len(harness.all(DeliveryStatus.SKIPPED)) == LIMIT
    assert harness.dropped.total() == 4
    harness.dropped.announce(harness.now() + ANNOUNCED_AFTER)
    assert messages(harness) == []
    harness.channels.replace(channel.channel_id, channel.spec, harness.now())
    record(harness, LIMIT)
    assert len(harness.all(DeliveryStatus.PENDING)) == LIMIT
    harness.dropped.announce(harness.now() + ANNOUNCED_AFTER)
    assert messages(harness)[0].interaction["interaction"]["dropped"] == 4


def test_a_full_channel_takes_no_room_from_another_one(harness: DeliveryHarness) -> None:
    full, free = subscribed(harness), harness.channel(url=NOWHERE)
    record(harness, LIMIT)
    harness.subscribe(free)
    record(harness, 3)
    by_channel = [each.channel_id for each in harness.all(DeliveryStatus.PENDING)]
    assert by_channel.count(full.channel_id) == LIMIT
    assert by_channel.count(free.channel_id) == 3
    pending = {full.channel_id: LIMIT, free.channel_id: 3}
    assert harness.deliveries.pending_by_channel() == pending


def test_pending_deliveries_are_counted_for_each_channel_and_no_other(
    harness: DeliveryHarness,
) -> None:
    deleted, idle = subscribed(harness), harness.channel(url=NOWHERE)
    record(harness, 2)
    harness.unsubscribe()
    harness.channels.delete(deleted.channel_id, harness.now())
    assert harness.deliveries.pending_by_channel() == {idle.channel_id: 0}


def test_a_flood_of_interactions_leaves_room_for_alerts(harness: DeliveryHarness) -> None:
    subscribed(harness)
    record(harness, LIMIT + 1)
    harness.enqueue(RESERVED_FOR_ALERTS + 7)
    assert len(harness.all(DeliveryStatus.PENDING)) == LIMIT + RESERVED_FOR_ALERTS
    assert harness.dropped.total() == 1 + 7


def test_a_deleted_channel_gets_no_message_and_its_drops_still_count(
    harness: DeliveryHarness,
) -> None:
    channel = subscribed(harness)
    record(harness, LIMIT + 2)
    harness.unsubscribe()
    harness.channels.delete(channel.channel_id, harness.now())
    harness.dropped.announce(harness.now() + ANNOUNCED_AFTER)
    assert messages(harness) == []
    assert harness.dropped.total() == 2


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path, endpoint: Receiver) -> Iterator[TestClient]:
    settings = settings_in(
        tmp_path,
        admin_key=ADMIN,
        allow_private_targets=True,
        max_pending_deliveries=LIMIT,
    )
    runtime = Runtime(settings)
    runtime.key_service.adopt(settings.admin_key)
    with TestClient(create_app(runtime), headers={"x-api-key": ADMIN}) as client:
        batch(client, 1)
        channel = {"name": "c", "kind": "webhook", "settings": {"url": endpoint.url}}
        id = client.post("/api/channels", json=channel).json()["channelId"]
        answer = client.post("/api/subscriptions", json={**TOPIC, "channelId": id})
        assert answer.status_code == 201, answer.text
        yield client
    runtime.close()


def batch(client: TestClient, count: int, payload: str = "{}") -> None:
    interaction = {**TOPIC, "resourceId": "1", "origin": "O", "interaction": json.loads(payload)}
    answer = client.post("/api/interactions/batch", json=[interaction] * count)
    assert answer.json()["accepted"] == count, answer.text


def test_one_batch_makes_no_more_deliveries_than_there_is_room_for(
    client: TestClient, endpoint: Receiver
) -> None:
    endpoint.behave = answering(503)
    batch(client, 2_000)
    metrics = client.get("/metrics").text.splitlines()
    assert f'tocsin_deliveries{{status="pending"}} {LIMIT}.0' in metrics
    (channel,) = client.get("/api/channels").json()
    by_channel = [line for line in metrics if line.startswith("tocsin_deliveries_pending{")]
    assert by_channel == [
        f'tocsin_deliveries_pending{{channel="{channel["channelId"]}"}} {LIMIT}.0'
    ]
    assert f"tocsin_deliveries_dropped_total {2_000 - LIMIT}.0" in metrics
    (oldest,) = [
        line for line in metrics if line.startswith("tocsin_deliveries_oldest_pending_sec")
    ]
    assert float(oldest.split()[1]) >= 0


def test_a_large_payload_is_kept_once_and_sent_whole(
    client: TestClient, endpoint: Receiver
) -> None:
    text = "x" * MAX_SNAPSHOT
    endpoint.behave = answering(503)
    batch(client, 3, json.dumps({"text": text}))
    wait_for(lambda: len(endpoint.received) >= 3)
    assert {each.json["data"]["interaction"]["text"] for each in endpoint.received} == {text}
    answer = client.get("/api/deliveries")
    assert len(answer.content) < MAX_SNAPSHOT
    delivery = answer.json()["deliveries"][0]
    assert "interaction" not in delivery["interaction"]
    assert delivery["interaction"]["interactionId"] == delivery["interactionId"]
