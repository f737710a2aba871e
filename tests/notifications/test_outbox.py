"""Two stores without a transaction in common: whatever fails in between, each interaction that is
recorded is told of, and none that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from support.receivers import Receiver, receiver, wait_for
from tocsin.config import Settings
from tocsin.errors import Unavailable
from tocsin.ingestion.committer import Outcome
from tocsin.ingestion.recorder import BatchResult
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import to_milliseconds
from tocsin.model.notifications.channel import read_channel
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.subscription import read_subscription
from tocsin.runtime import Runtime


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def runtime(tmp_path: Path, there: Receiver) -> Iterator[Runtime]:
    opened = Runtime(Settings(data_dir=tmp_path, allow_private_targets=True))
    record(opened, action="LEFT")
    channel = read_channel({"name": "c", "kind": "webhook", "settings": {"url": there.url}})
    made = opened.channels.create(channel, opened.now())
    body = {"channelId": str(made.channel_id), "resourceType": "T", "action": "LEFT"}
    opened.subscriptions.create(read_subscription(body, opened.catalog), opened.now())
    yield opened
    opened.close()


def record(runtime: Runtime, count: int = 1, **said: Any) -> BatchResult:
    body = {"resourceType": "T", "resourceId": "1", "action": "LEFT", "origin": "WEB"} | said
    request = RequestContext(to_milliseconds(runtime.now()), may_be_from_tocsin=True)
    return runtime.recorder.record_batch([json.dumps(body).encode()] * count, request)


def ids(there: Receiver) -> set[str]:
    return {one.json["data"]["interactionId"] for one in there.received}


def test_what_is_recorded_is_told_of_and_the_end_of_that_is_an_interaction(
    runtime: Runtime, there: Receiver
) -> None:
    before = runtime.engine.rows()
    record(runtime, 3)
    record(runtime, 5, action="CAME")
    wait_for(lambda: runtime.engine.rows() == before + 3 + 5 + 3)
    assert len(ids(there)) == 3
    assert runtime.deliveries.counts()[DeliveryStatus.SENT] == 3


def test_a_repeat_is_not_told_of_again(runtime: Runtime, there: Receiver) -> None:
    id = str(uuid4())
    assert record(runtime, 2, interactionId=id).duplicates == 1
    assert record(runtime, interactionId=id).duplicates == 1
    wait_for(lambda: runtime.deliveries.counts()[DeliveryStatus.SENT])
    assert len(runtime.deliveries.page(10).deliveries) == len(there.received) == 1


def test_nothing_of_origin_notify_is_told_of_so_nothing_can_loop(runtime: Runtime) -> None:
    record(runtime, origin="NOTIFY")
    assert runtime.deliveries.page(10).deliveries == []


def test_what_was_told_of_by_whoever_recorded_it_is_not_staged(runtime: Runtime) -> None:
    record(runtime)
    delivery = runtime.deliveries.page(1).deliveries[0]
    interaction = runtime.history.get(delivery.interaction_id)
    interaction.interaction_id, interaction.has_deliveries = uuid4().bytes, True
    outcomes = runtime.committer.submit([interaction]).result()
    assert outcomes == [Outcome.RECORDED]
    assert len(runtime.deliveries.page(10).deliveries) == 1


def test_an_append_that_fails_leaves_nothing_to_tell(
    runtime: Runtime, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_interactions: object) -> None:
        raise Unavailable("The disk is full")

    id = str(uuid4())
    with monkeypatch.context() as broken:
        broken.setattr(runtime.engine, "append", fail)
        with pytest.raises(Unavailable):
            record(runtime, interactionId=id)
    wait_for(lambda: not runtime.deliveries.staged())
    assert there.received == []
    assert record(runtime, interactionId=id).accepted == 1
    wait_for(lambda: ids(there) == {id})


def test_an_append_that_fails_after_it_was_on_disk_is_told_of(
    runtime: Runtime, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = runtime.engine.append

    def fail(interactions: Any) -> None:
        append(interactions)
        raise Unavailable("The answer was lost")

    id = str(uuid4())
    with monkeypatch.context() as broken:
        broken.setattr(runtime.engine, "append", fail)
        with pytest.raises(Unavailable):
            record(runtime, interactionId=id)
    wait_for(lambda: ids(there) == {id})
    assert record(runtime, interactionId=id).duplicates == 1
    assert len(runtime.deliveries.page(10).deliveries) == 1


def test_an_interaction_that_the_engine_refuses_is_not_told_of(
    runtime: Runtime, there: Receiver
) -> None:
    record(runtime)
    wait_for(lambda: there.received)
    delivered = runtime.deliveries.page(1).deliveries[0].interaction_id
    good, bad = (runtime.history.get(delivered) for _ in range(2))
    good.interaction_id, bad.interaction_id = uuid4().bytes, uuid4().bytes
    bad.payload = b'{"a": 1, "a": 2}'
    runtime.committer.submit([good, bad]).result()
    wait_for(lambda: len(there.received) == 2)
    assert runtime.deliveries.staged() == set()
    assert str(UUID(bytes=bad.interaction_id)) not in ids(there)


def test_a_store_that_fails_after_the_append_does_not_take_the_acknowledgement_back(
    runtime: Runtime, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile, failures = runtime.deliveries.reconcile, iter([Unavailable("The store is locked")])

    def fail_once(*arguments: Any) -> None:
        if failure := next(failures, None):
            raise failure
        reconcile(*arguments)

    monkeypatch.setattr(runtime.deliveries, "reconcile", fail_once)
    assert record(runtime).accepted == 1
    wait_for(lambda: len(there.received) == 1)


def test_without_a_subscription_the_store_is_not_even_asked(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nothing matches, so nothing may be written")

    monkeypatch.setattr(runtime.deliveries, "stage", never)
    monkeypatch.setattr(runtime.deliveries, "reconcile", never)
    assert record(runtime, 100, action="CAME").accepted == 100
