"""Nodes on the same servers share one log of appends: they record each id once, and each counts the
acknowledged interactions of all."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from support.deployments import servers_only, settings_in
from support.receivers import receiver, wait_for
from tocsin.errors import Conflict, InvalidInput, Unavailable, UnknownOutcome
from tocsin.ingestion.batches import BatchResult
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.append_rows import AppendKind, AppendState, NewRow
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.key import Role
from tocsin.model.metrics.question import Question
from tocsin.model.notifications.channel import read_channel
from tocsin.model.notifications.subscription import read_subscription
from tocsin.process.audit import Actor
from tocsin.runtime import Runtime
from tocsin.store.appends import Appends

pytestmark = servers_only


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runtime, Runtime]]:
    settings = settings_in(tmp_path_factory.mktemp("data"), allow_private_targets=True)
    first, second = Runtime(settings), Runtime(settings)
    yield first, second
    second.close()
    first.close()


def record(node: Runtime, count: int = 1, **members: Any) -> BatchResult:
    request = RequestContext(to_milliseconds(node.now()))
    return node.recorder.record_batch([body_of(members)] * count, request)


def record_one(node: Runtime, **members: Any) -> Interaction:
    request = RequestContext(to_milliseconds(node.now()))
    recorded, is_new = asyncio.run(node.recorder.record(body_of(members), request))
    assert is_new
    return recorded


def body_of(members: dict[str, Any]) -> bytes:
    body = {"resourceType": "T", "resourceId": "1", "action": "DO", "origin": "WEB"} | members
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


def record_until_known(node: Runtime, **members: Any) -> BatchResult:
    """Repeat while another node has an append with the id whose outcome is not known."""
    for _ in range(50):
        try:
            return record(node, **members)
        except Unavailable:
            continue
    raise AssertionError("the outcome stays unknown")


def delete(node: Runtime, id: UUID) -> None:
    """Delete an action."""
    key, _ = node.keys.create(uuid4().hex, Role.ADMIN, node.now())
    node.catalog_service.delete(Kind.ACTION, id, Actor(key, None))


def question(**members: Any) -> Question:
    return Question.model_validate({"metricType": "COUNT"} | members)


def of_resource(id: str, **members: Any) -> Question:
    filters = [{"field": "resourceId", "operator": "eq", "value": id}]
    return question(filters=filters, **members)


def count(node: Runtime, counted: Question) -> Any:
    return node.calculator.calculate(counted, node.now()).readings[0].value


def cached_count(node: Runtime, counted: Question) -> Any:
    """The count by rollups: two questions that are calculated together share their scan."""
    other = counted.model_copy(update={"time_window": None})
    answers = node.calculator.calculate_all([counted, other], node.now())
    answer = answers[0]
    assert not isinstance(answer, Exception), answer
    return answer.readings[0].value


def test_an_acknowledged_interaction_is_counted_by_the_other_node_immediately(
    nodes: tuple[Runtime, Runtime],
) -> None:
    counted = of_resource("now")
    expected = 0
    for turn in range(20):
        node, other = nodes if turn % 2 else nodes[::-1]
        record(node, turn + 1, resourceId="now")
        expected += turn + 1
        assert count(other, counted) == expected
        assert count(node, counted) == expected


def test_rollups_of_both_nodes_include_what_the_other_has_acknowledged(
    nodes: tuple[Runtime, Runtime],
) -> None:
    for turn in range(20):
        node, other = nodes if turn % 2 else nodes[::-1]
        record(node, 3)
        recent = of_resource("1", timeWindow="1h")
        expected = count(node, recent)
        assert cached_count(other, recent) == cached_count(node, recent) == expected


def test_a_type_and_a_time_that_are_new_on_one_node_are_known_to_the_other(
    nodes: tuple[Runtime, Runtime],
) -> None:
    node, other = nodes
    summed = question(metricType="SUM", field="interaction.size")
    for value, total in ((1, 1), (2.5, 3.5), (2**70, 2**70 + 3.5)):
        record(node, interaction={"size": value})
        assert float(count(other, summed)) == total
    record(node, timestamp="2001-01-01T00:00:00Z")
    early = node.now().replace(year=2001, month=2, day=1)
    counted = of_resource("1")
    assert other.calculator.calculate(counted, early).readings[0].value == 1


def test_a_node_that_starts_learns_the_types_that_others_have_not_recorded(
    nodes: tuple[Runtime, Runtime],
) -> None:
    node, other = nodes
    # As a request does whose append fails.
    node.engine.field_types.observe({"weight": 1.5})
    record(node)
    started = Runtime(node.settings)
    try:
        # All types may occur until those in the engine are loaded.
        wait_for(lambda: not started.engine.field_types.of(("never recorded",)))
        record(node, interaction={"weight": 2.5})
        summed = question(metricType="SUM", field="interaction.weight")
        assert [count(each, summed) for each in (started, node, other)] == [2.5] * 3
    finally:
        started.close()


def test_an_id_that_all_nodes_get_concurrently_is_recorded_once(
    nodes: tuple[Runtime, Runtime],
) -> None:
    before = nodes[0].engine.rows()
    ids = [str(uuid4()) for _ in range(150)]
    sent = [(node, id) for id in ids for node in nodes for _ in range(2)]
    random.Random(1).shuffle(sent)
    with ThreadPoolExecutor(16) as threads:
        results = list(
            threads.map(lambda pair: record_until_known(pair[0], interactionId=pair[1]), sent)
        )
    accepted = Counter(id for (_, id), result in zip(sent, results, strict=True) if result.accepted)
    assert sorted(accepted) == sorted(ids)
    assert set(accepted.values()) == {1}
    assert sum(result.duplicates for result in results) == len(sent) - len(ids)
    assert nodes[0].engine.rows() - before == len(ids)


def test_both_nodes_record_concurrently_and_count_the_same(
    nodes: tuple[Runtime, Runtime],
) -> None:
    counted = of_resource("both")
    with ThreadPoolExecutor(8) as threads:
        sent = [threads.submit(record, node, 50, resourceId="both") for node in nodes * 20]
        for each in sent:
            assert each.result().accepted == 50
    assert [count(node, counted) for node in nodes] == [2_000, 2_000]
    assert nodes[0].engine.latest_number() == nodes[1].engine.latest_number()


def test_an_entry_that_another_node_uses_is_not_deleted(nodes: tuple[Runtime, Runtime]) -> None:
    node, other = nodes
    record(node, action="USED")
    other.database.revisions.refresh()
    entry = other.catalog.find(Kind.ACTION, "USED")
    assert entry
    with pytest.raises(Conflict, match="Interactions use the action USED"):
        delete(other, entry.id)


def test_a_deleted_entry_is_not_used_by_the_other_node(nodes: tuple[Runtime, Runtime]) -> None:
    node, other = nodes
    for turn in range(5):
        entry = node.catalog.ensure(Kind.ACTION, f"UNUSED_{turn}", node.now())
        other.database.revisions.refresh()
        with ThreadPoolExecutor(2) as threads:
            sent = threads.submit(record, other, action=f"UNUSED_{turn}")
            deleted = threads.submit(delete, node, entry.id)
            assert sent.result().accepted == 1
            assert deleted.exception() is None or isinstance(deleted.exception(), Conflict)
        node.database.revisions.refresh()
        (recorded,) = other.engine.search_queries.run(_latest())
        used = node.catalog.by_id(Kind.ACTION, recorded[0])
        assert used
        assert used.mnemonic == f"UNUSED_{turn}"


@contextmanager
def deleted_meanwhile(nodes: tuple[Runtime, Runtime], mnemonic: str) -> Iterator[UUID]:
    """The id of a new action. Appends of the block begin after the first node has deleted it."""
    node, other = nodes
    entry = node.catalog.ensure(Kind.ACTION, mnemonic, node.now())
    other.database.revisions.refresh()
    with Appends(node.database).locked():
        yield entry.id
        wait_for(lambda: is_waiting_for_a_lock(node))
        node.catalog.delete(Kind.ACTION, entry.id, node.now(), lambda: nullcontext(False))


def is_waiting_for_a_lock(node: Runtime) -> bool:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event = 'advisory'"
    )
    with node.database.reading() as connection:
        return bool(connection.execute(waiting).scalar_one())


@pytest.mark.parametrize("sends_batch", [False, True])
def test_an_entry_that_another_node_deletes_meanwhile_is_added_again(
    nodes: tuple[Runtime, Runtime], sends_batch: bool
) -> None:
    mnemonic = f"AGAIN_{sends_batch}"
    _, other = nodes
    with ThreadPoolExecutor(1) as threads:
        with deleted_meanwhile(nodes, mnemonic) as former:
            send = record if sends_batch else record_one
            sent = threads.submit(send, other, action=mnemonic)
        sent.result()
    added = other.catalog.find(Kind.ACTION, mnemonic)
    assert added
    assert added.id != former
    (recorded,) = other.engine.search_queries.run(_latest())
    assert recorded[0] == added.id


def test_an_id_of_an_entry_that_another_node_deletes_meanwhile_is_refused(
    nodes: tuple[Runtime, Runtime],
) -> None:
    _, other = nodes
    with ThreadPoolExecutor(1) as threads:
        with deleted_meanwhile(nodes, "GONE") as former:
            sent = threads.submit(record_one, other, action=None, actionId=str(former))
        with pytest.raises(InvalidInput, match="actionId: is the id of no action in the catalog"):
            sent.result()


def test_deliveries_of_the_other_node_are_sent_once(nodes: tuple[Runtime, Runtime]) -> None:
    node, other = nodes
    record(node, action="LEFT")
    with receiver() as endpoint:
        channel = read_channel({"name": "c", "kind": "webhook", "settings": {"url": endpoint.url}})
        created = node.channels.create(channel, node.now())
        body = {"channelId": str(created.channel_id), "resourceType": "T", "action": "LEFT"}
        node.subscriptions.create(read_subscription(body, node.catalog), node.now())
        other.database.revisions.refresh()
        ids = [str(uuid4()) for _ in range(40)]
        for turn, id in enumerate(ids):
            record(nodes[turn % 2], action="LEFT", interactionId=id)
        wait_for(lambda: len(endpoint.received) >= len(ids))
        received = [message.json["data"]["interactionId"] for message in endpoint.received]
    assert sorted(received) == sorted(ids)
    assert node.deliveries.staged() == set()


def test_an_append_of_a_dead_node_holds_up_the_others_for_seconds_only(
    nodes: tuple[Runtime, Runtime],
) -> None:
    node, other = nodes
    record(node)
    appends = Appends(node.database)
    with appends.locked() as locked:
        tail = locked.tail()
        locked.insert(
            NewRow(tail.next_number, tail.last, 5, "dead", AppendKind.BLOCK, AppendState.OPEN)
        )
    assert record(other).accepted == 1
    wait_for(lambda: not appends.unended())
    assert record(node).accepted == 1


def test_an_append_of_unknown_outcome_is_closed_and_then_counted_by_all(
    nodes: tuple[Runtime, Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, other = nodes
    append = node.engine.append
    recent = of_resource("lost", timeWindow="1h")
    assert [cached_count(each, recent) for each in nodes] == [0, 0]

    def lose_the_answer(*arguments: Any, **options: Any) -> None:
        append(*arguments, **options)
        raise UnknownOutcome("The answer was lost")

    id = str(uuid4())
    with monkeypatch.context() as broken:
        broken.setattr(node.engine, "append", lose_the_answer)
        with pytest.raises(Unavailable):
            record(node, resourceId="lost", interactionId=id)
    for each in nodes:
        with pytest.raises(Unavailable, match="not known yet whether this interaction"):
            record(each, resourceId="lost", interactionId=id)
    assert record(other).accepted == 1
    wait_for(lambda: not Appends(node.database).unended())
    assert [cached_count(each, recent) for each in nodes] == [1, 1]
    assert [record(each, resourceId="lost", interactionId=id).duplicates for each in nodes] == [
        1,
        1,
    ]


def test_an_append_that_never_arrived_is_closed_and_its_id_can_be_recorded(
    nodes: tuple[Runtime, Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, other = nodes

    def fail(*_: object, **__: object) -> None:
        raise UnknownOutcome("The connection was lost")

    id = str(uuid4())
    with monkeypatch.context() as broken:
        broken.setattr(node.engine, "append", fail)
        with pytest.raises(Unavailable):
            record(node, interactionId=id)
    wait_for(lambda: not Appends(node.database).unended())
    assert record(other, interactionId=id).accepted == 1
    assert record(node, interactionId=id).duplicates == 1


def _latest() -> Any:
    from tocsin.clickhouse.sql.query import Query

    return Query("SELECT actionId FROM interactions ORDER BY interactionNumber DESC LIMIT 1")
