"""A flood of interactions fills neither the store nor the queue of a subscribed channel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from support.desk import Desk
from support.receivers import Receiver, answering, receiver, wait_for
from tocsin.api.app import create_app
from tocsin.config import Settings
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import MAX_SNAPSHOT, TOCSIN, Delivery, DeliveryStatus
from tocsin.model.notifications.dropped import ANNOUNCED_AFTER, RESERVED_FOR_ALERTS
from tocsin.runtime import Runtime

LIMIT = 10
NOWHERE = "http://127.0.0.1:9/"
ADMIN = "an-admin-key-of-the-tests"
TOPIC = {"resourceType": "T", "action": "LEFT"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path, LIMIT)
    yield opened
    opened.close()


def subscribed(desk: Desk, url: str = NOWHERE) -> Channel:
    channel = desk.channel(url=url)
    desk.subscribe(channel)
    return channel


def stage(desk: Desk, count: int) -> set[bytes]:
    interactions = desk.interactions(count)
    desk.deliveries.stage(interactions, desk.now())
    return {each.interaction_id for each in interactions}


def record(desk: Desk, count: int) -> None:
    """Stage and reconcile, as the outbox does around an append."""
    desk.deliveries.reconcile(stage(desk, count), ())


def messages(desk: Desk) -> list[Delivery]:
    """The messages about dropped deliveries."""
    return [each for each in desk.all() if each.subscription_id == TOCSIN]


def test_what_a_channel_has_no_room_for_is_dropped_and_counted(desk: Desk) -> None:
    subscribed(desk)
    record(desk, LIMIT - 1)
    record(desk, 5)
    record(desk, 5)
    assert len(desk.all(DeliveryStatus.PENDING)) == LIMIT
    assert desk.dropped.total() == 9


def test_a_drop_counts_once_its_interaction_is_on_disk_and_only_then(desk: Desk) -> None:
    subscribed(desk)
    record(desk, LIMIT)
    on_disk, missing, in_doubt = stage(desk, 3), stage(desk, 4), stage(desk, 5)
    assert desk.deliveries.staged() == on_disk | missing | in_doubt
    assert desk.dropped.total() == 0
    desk.deliveries.reconcile(on_disk, missing)
    assert desk.dropped.total() == 3
    assert desk.deliveries.staged() == in_doubt
    desk.deliveries.reconcile(in_doubt, ())
    assert desk.dropped.total() == 8
    assert desk.deliveries.staged() == set()


def test_a_drop_outlives_a_crash_between_staging_and_settling(tmp_path: Path) -> None:
    before = Desk(tmp_path, LIMIT)
    subscribed(before)
    on_disk = stage(before, LIMIT + 3)
    before.close()
    after = Desk(tmp_path, LIMIT)
    assert after.deliveries.staged() == on_disk
    after.deliveries.reconcile(on_disk, ())
    after.deliveries.reconcile(on_disk, ())
    assert (len(after.all(DeliveryStatus.PENDING)), after.dropped.total()) == (LIMIT, 3)
    after.close()


def test_a_flood_is_announced_in_one_message_when_there_is_room_again(desk: Desk) -> None:
    with receiver() as there:
        there.behave = answering(503)
        subscribed(desk, there.url)
        for _ in range(4):
            record(desk, LIMIT)
        desk.dropped.announce(desk.now())
        assert messages(desk) == []
        there.behave = answering(204)
        desk.start()
        desk.wait(lambda: len(desk.all(DeliveryStatus.SENT)) == LIMIT + 1)
        (announcement,) = messages(desk)
        assert announcement.interaction["interaction"]["dropped"] == 3 * LIMIT
        (message,) = [
            each.json for each in there.received if each.json["type"] == "CHANNEL.dropped"
        ]
        assert message["title"] == "30 messages were dropped"
        assert "TOCSIN_MAX_PENDING_DELIVERIES" in message["body"]
        desk.wait(lambda: len(desk.recorded) == LIMIT)
        assert {each["action"] for each in desk.recorded} == {"notified"}


def test_a_flood_that_goes_on_is_announced_once_an_hour(desk: Desk) -> None:
    subscribed(desk)
    record(desk, LIMIT + 2)
    desk.dropped.announce(desk.now() + ANNOUNCED_AFTER - timedelta(minutes=1))
    assert messages(desk) == []
    for _ in range(3):
        desk.dropped.announce(desk.now() + ANNOUNCED_AFTER)
    assert len(messages(desk)) == 1


def test_a_message_of_dropped_ones_that_failed_can_be_retried(desk: Desk) -> None:
    with receiver() as there:
        there.behave = answering(500)
        subscribed(desk, there.url)
        record(desk, LIMIT + 2)
        desk.ahead = ANNOUNCED_AFTER
        desk.start(delays=[])
        desk.wait(lambda: len(desk.all(DeliveryStatus.FAILED)) == LIMIT + 1)
        there.behave = answering(204)
        desk.deliveries.retry(messages(desk)[0].delivery_id, desk.now())
        desk.wait(lambda: messages(desk)[0].status is DeliveryStatus.SENT)
        desk.wait(lambda: len(desk.recorded) == LIMIT)
        assert desk.queue.unrecorded(100) == []


def test_a_disabled_channel_is_no_way_around_the_ceiling(desk: Desk) -> None:
    channel = subscribed(desk)
    desk.disable(channel)
    record(desk, LIMIT + 4)
    assert len(desk.all(DeliveryStatus.SKIPPED)) == LIMIT
    assert desk.dropped.total() == 4
    desk.dropped.announce(desk.now() + ANNOUNCED_AFTER)
    assert messages(desk) == []
    desk.channels.replace(channel.channel_id, channel.spec, desk.now())
    record(desk, LIMIT)
    assert len(desk.all(DeliveryStatus.PENDING)) == LIMIT
    desk.dropped.announce(desk.now() + ANNOUNCED_AFTER)
    assert messages(desk)[0].interaction["interaction"]["dropped"] == 4


def test_a_full_channel_takes_no_room_from_another_one(desk: Desk) -> None:
    full, free = subscribed(desk), desk.channel(url=NOWHERE)
    record(desk, LIMIT)
    desk.subscribe(free)
    record(desk, 3)
    by_channel = [each.channel_id for each in desk.all(DeliveryStatus.PENDING)]
    assert by_channel.count(full.channel_id) == LIMIT
    assert by_channel.count(free.channel_id) == 3
    pending = {full.channel_id: LIMIT, free.channel_id: 3}
    assert desk.deliveries.pending_by_channel() == pending


def test_pending_deliveries_are_counted_for_each_channel_and_no_other(desk: Desk) -> None:
    deleted, idle = subscribed(desk), desk.channel(url=NOWHERE)
    record(desk, 2)
    desk.subscriptions.delete(desk.subscriptions.all()[0].subscription_id)
    desk.channels.delete(deleted.channel_id, desk.now())
    assert desk.deliveries.pending_by_channel() == {idle.channel_id: 0}


def test_a_flood_of_interactions_leaves_room_for_alerts(desk: Desk) -> None:
    subscribed(desk)
    record(desk, LIMIT + 1)
    desk.tell(RESERVED_FOR_ALERTS + 7)
    assert len(desk.all(DeliveryStatus.PENDING)) == LIMIT + RESERVED_FOR_ALERTS
    assert desk.dropped.total() == 1 + 7


def test_a_deleted_channel_gets_no_message_and_its_drops_still_count(desk: Desk) -> None:
    channel = subscribed(desk)
    record(desk, LIMIT + 2)
    desk.subscriptions.delete(desk.subscriptions.all()[0].subscription_id)
    desk.channels.delete(channel.channel_id, desk.now())
    desk.dropped.announce(desk.now() + ANNOUNCED_AFTER)
    assert messages(desk) == []
    assert desk.dropped.total() == 2


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def client(tmp_path: Path, there: Receiver) -> Iterator[TestClient]:
    settings = Settings(
        data_dir=tmp_path,
        admin_key=ADMIN,
        allow_private_targets=True,
        max_pending_deliveries=LIMIT,
    )
    runtime = Runtime(settings)
    runtime.key_service.adopt(settings.admin_key)
    with TestClient(create_app(runtime), headers={"x-api-key": ADMIN}) as client:
        batch(client, 1)
        channel = {"name": "c", "kind": "webhook", "settings": {"url": there.url}}
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
    client: TestClient, there: Receiver
) -> None:
    there.behave = answering(503)
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


def test_a_large_payload_is_kept_once_and_sent_whole(client: TestClient, there: Receiver) -> None:
    text = "x" * MAX_SNAPSHOT
    there.behave = answering(503)
    batch(client, 3, json.dumps({"text": text}))
    wait_for(lambda: len(there.received) >= 3)
    assert {each.json["data"]["interaction"]["text"] for each in there.received} == {text}
    answer = client.get("/api/deliveries")
    assert len(answer.content) < MAX_SNAPSHOT
    delivery = answer.json()["deliveries"][0]
    assert "interaction" not in delivery["interaction"]
    assert delivery["interaction"]["interactionId"] == delivery["interactionId"]
