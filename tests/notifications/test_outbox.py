"""SQLite and the engine share no transaction. After a failure between the two writes, each recorded
interaction has its deliveries, and an interaction that was not recorded has none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from support.deployments import settings_in
from support.receivers import Receiver, receiver, wait_for
from tocsin.errors import Unavailable
from tocsin.ingestion.batches import BatchResult
from tocsin.ingestion.outcomes import Outcome
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import to_milliseconds
from tocsin.model.notifications.channel import read_channel
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.subscription import read_subscription
from tocsin.runtime import Runtime


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@pytest.fixture
def runtime(tmp_path: Path, endpoint: Receiver) -> Iterator[Runtime]:
    opened = Runtime(settings_in(tmp_path, allow_private_targets=True))
    record(opened, action="LEFT")
    channel = read_channel({"name": "c", "kind": "webhook", "settings": {"url": endpoint.url}})
    created = opened.channels.create(channel, opened.now())
    body = {"channelId": str(created.channel_id), "resourceType": "T", "action": "LEFT"}
    opened.subscriptions.create(read_subscription(body, opened.catalog), opened.now())
    yield opened
    opened.close()


def record(runtime: Runtime, count: int = 1, **members: Any) -> BatchResult:
    body = {"resourceType": "T", "resourceId": "1", "action": "LEFT", "origin": "WEB"} | members
    request = RequestContext(to_milliseconds(runtime.now()), may_be_from_tocsin=True)
    return runtime.recorder.record_batch([json.dumps(body).encode()] * count, request)


def ids(endpoint: Receiver) -> set[str]:
    return {message.json["data"]["interactionId"] for message in endpoint.received}


def test_a_recorded_interaction_is_delivered_and_the_outcome_is_recorded_as_an_interaction(
    runtime: Runtime, endpoint: Receiver
) -> None:
    before = runtime.engine.rows()
    record(runtime, 3)
    record(runtime, 5, action="CAME")
    wait_for(lambda: runtime.engine.rows() == before + 3 + 5 + 3)
    assert len(ids(endpoint)) == 3
    assert runtime.deliveries.counts()[DeliveryStatus.SENT] == 3


def test_a_duplicate_is_not_delivered_again(runtime: Runtime, endpoint: Receiver) -> None:
    id = str(uuid4())
    assert record(runtime, 2, interactionId=id).duplicates == 1
    assert record(runtime, interactionId=id).duplicates == 1
    wait_for(lambda: runtime.deliveries.counts()[DeliveryStatus.SENT])
    assert len(runtime.deliveries.page(10).deliveries) == len(endpoint.received) == 1


def test_interactions_of_origin_notify_are_not_delivered_so_deliveries_cannot_loop(
    runtime: Runtime,
) -> None:
    record(runtime, origin="NOTIFY")
    assert runtime.deliveries.page(10).deliveries == []


def test_an_interaction_whose_recorder_enqueued_its_deliveries_is_not_staged(
    runtime: Runtime,
) -> None:
    record(runtime)
    delivery = runtime.deliveries.page(1).deliveries[0]
    interaction = runtime.history.get(delivery.interaction_id)
    interaction.interaction_id, interaction.has_deliveries = uuid4().bytes, True
    outcomes = runtime.committer.submit([interaction]).result()
    assert outcomes == [Outcome.RECORDED]
    assert len(runtime.deliveries.page(10).deliveries) == 1


def test_a_failed_append_leaves_nothing_to_deliver(
    runtime: Runtime, endpoint: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable("The disk is full")

    id = str(uuid4())
    with monkeypatch.context() as broken:
        broken.setattr(runtime.engine, "append", fail)
        with pytest.raises(Unavailable):
            record(runtime, interactionId=id)
    wait_for(lambda: not runtime.deliveries.staged())
    assert endpoint.received == []
    assert record(runtime, interactionId=id).accepted == 1
    wait_for(lambda: ids(endpoint) == {id})


def test_an_append_that_fails_after_it_was_on_disk_is_delivered(
    runtime: Runtime, endpoint: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = runtime.engine.append

    def fail(*arguments: Any, **options: Any) -> None:
        append(*arguments, **options)
        raise Unavailable("The answer was lost")

    id = str(uuid4())
    with monkeypatch.context() as broken:
        broken.setattr(runtime.engine, "append", fail)
        with pytest.raises(Unavailable):
            record(runtime, interactionId=id)
    wait_for(lambda: ids(endpoint) == {id})
    assert record(runtime, interactionId=id).duplicates == 1
    assert len(runtime.deliveries.page(10).deliveries) == 1


def test_an_interaction_that_the_engine_refuses_is_not_delivered(
    runtime: Runtime, endpoint: Receiver
) -> None:
    record(runtime)
    wait_for(lambda: endpoint.received)
    delivered = runtime.deliveries.page(1).deliveries[0].interaction_id
    good, bad = (runtime.history.get(delivered) for _ in range(2))
    good.interaction_id, bad.interaction_id = uuid4().bytes, uuid4().bytes
    bad.payload = b'{"a": 1, "a": 2}'
    runtime.committer.submit([good, bad]).result()
    wait_for(lambda: len(endpoint.received) == 2)
    assert runtime.deliveries.staged() == set()
    assert str(UUID(bytes=bad.interaction_id)) not in ids(endpoint)


def test_an_interaction_is_acknowledged_although_the_store_fails_after_the_append(
    runtime: Runtime, endpoint: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile, failures = runtime.deliveries.reconcile, iter([Unavailable("The store is locked")])

    def fail_once(*arguments: Any) -> None:
        if failure := next(failures, None):
            raise failure
        reconcile(*arguments)

    monkeypatch.setattr(runtime.deliveries, "reconcile", fail_once)
    assert record(runtime).accepted == 1
    wait_for(lambda: len(endpoint.received) == 1)


def test_without_a_matching_subscription_the_store_is_not_called(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nothing matches, so nothing may be written")

    monkeypatch.setattr(runtime.deliveries, "stage", never)
    monkeypatch.setattr(runtime.deliveries, "reconcile", never)
    assert record(runtime, 100, action="CAME").accepted == 100
