"""Tables in memory, in a database that several nodes change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from support.databases import open_database, server_only
from tocsin.errors import Conflict, NotFound
from tocsin.model.interactions.catalog import Kind, ResourceTypeDraft
from tocsin.model.key import Role
from tocsin.model.metrics.draft import MetricDraft
from tocsin.model.metrics.question import Question
from tocsin.process.events import DefinitionsChanged, Events
from tocsin.store.catalog import Catalog
from tocsin.store.change_listener import POLL_SECONDS, ChangeListener
from tocsin.store.database import Database
from tocsin.store.keys import Keys
from tocsin.store.metrics import Metrics
from tocsin.store.sessions import Sessions

AT = datetime(2026, 3, 20, 12, tzinfo=UTC)

QUESTION = Question.model_validate({"metricType": "COUNT"})

Open = Callable[[], Database]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Open]:
    """Opens the same database again with each call."""
    with ExitStack() as stack:

        def open_node() -> Database:
            database = open_database(tmp_path / "store.sqlite")
            stack.callback(database.close)
            return database

        yield open_node


def statements_of(call: Callable[[], object]) -> list[str]:
    executed: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        executed.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        call()
    finally:
        event.remove(Engine, "before_cursor_execute", record)
    return executed


@server_only
def test_a_change_is_in_the_memory_of_another_node_after_a_refresh(node: Open) -> None:
    here, there = node(), node()
    metrics, others = Metrics(here), Metrics(there)
    metric = metrics.create(MetricDraft(name="orders"), QUESTION, AT)
    assert others.all() == []
    assert there.revisions.refresh()
    assert others.all() == [metric]
    renamed = metrics.replace(metric.metric_id, MetricDraft(name="sales"), metric.question, AT)
    assert there.revisions.refresh()
    assert others.get(metric.metric_id) == renamed
    others.delete(metric.metric_id, AT)
    assert here.revisions.refresh()
    assert metrics.all() == []
    assert there.revisions.pop_changed() == {"metrics"}
    assert there.revisions.pop_changed() == frozenset()


@server_only
def test_a_refresh_without_a_change_is_one_statement(node: Open) -> None:
    here = node()
    Metrics(here), Keys(here), Catalog(here)
    revisions = here.revisions
    assert len(statements_of(revisions.refresh)) == 1
    assert not revisions.refresh()


def test_a_change_of_this_node_needs_no_refresh(node: Open) -> None:
    here = node()
    metrics = Metrics(here)
    metrics.create(MetricDraft(name="orders"), QUESTION, AT)
    assert not here.revisions.refresh()
    assert here.revisions.pop_changed() == frozenset()


@server_only
def test_a_change_begins_with_the_state_that_other_nodes_left(node: Open) -> None:
    metrics, others = Metrics(node()), Metrics(node())
    metric = metrics.create(MetricDraft(name="orders"), QUESTION, AT)
    renamed = others.replace(metric.metric_id, MetricDraft(name="sales"), metric.question, AT)
    assert others.all() == [renamed]
    others.delete(metric.metric_id, AT)
    with pytest.raises(NotFound):
        metrics.replace(metric.metric_id, MetricDraft(name="late"), metric.question, AT)
    assert metrics.all() == []


@server_only
def test_a_failed_change_is_in_no_memory(node: Open) -> None:
    here, there = node(), node()
    keys, others = Keys(here), Keys(there)
    key, _ = keys.create("first", Role.ADMIN, AT)
    there.revisions.refresh()
    with pytest.raises(Conflict, match="last key"):
        others.revoke(key.key_id, AT)
    assert not here.revisions.refresh()
    assert keys.all() == others.all() == [key]


@server_only
def test_nodes_that_register_a_name_concurrently_agree_on_its_id(node: Open) -> None:
    catalogs = [Catalog(node()) for _ in range(3)]
    start = threading.Barrier(3)

    def register(catalog: Catalog) -> list[str]:
        start.wait()
        names = (f"name {i % 7}".replace(" ", "_") for i in range(20))
        return [str(catalog.ensure(Kind.ACTION, name, AT).id) for name in names]

    with ThreadPoolExecutor(3) as pool:
        ids = list(pool.map(register, catalogs))
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids[0])) == 7


@server_only
def test_a_name_that_another_node_took_is_rejected(node: Open) -> None:
    catalog, other = Catalog(node()), Catalog(node())
    draft = ResourceTypeDraft(mnemonic="order", title="Order")
    entry = catalog.create(Kind.RESOURCE_TYPE, draft, AT)
    with pytest.raises(Conflict, match=str(entry.id)):
        other.create(Kind.RESOURCE_TYPE, draft, AT)
    assert other.find(Kind.RESOURCE_TYPE, "ORDER") == entry


@server_only
def test_a_key_and_its_sessions_end_on_every_node(node: Open) -> None:
    here, there = node(), node()
    keys, sessions = Keys(here), Sessions(here)
    other_keys, other_sessions = Keys(there), Sessions(there)
    keys.create("admin", Role.ADMIN, AT)
    key, secret = keys.create("reader", Role.READ, AT)
    token = sessions.begin(key.key_id, None, AT)
    there.revisions.refresh()
    assert other_keys.identify(secret) == key
    session = other_sessions.use(token, AT)
    assert session
    assert session.key_id == key.key_id
    other_sessions.end(session.session_id)
    here.revisions.refresh()
    assert sessions.use(token, AT) is None
    keys.revoke(key.key_id, AT)
    there.revisions.refresh()
    assert other_keys.identify(secret) is None


@server_only
def test_concurrent_changes_of_all_tables_reach_all_nodes(node: Open) -> None:
    databases = [node() for _ in range(3)]
    metrics = [Metrics(database) for database in databases]
    keys = [Keys(database) for database in databases]

    def change(number: int) -> None:
        for i in range(8):
            metrics[number].create(MetricDraft(name=f"metric {number} {i}"), QUESTION, AT)
            keys[number].create(f"key {number} {i}", Role.READ, AT)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(change, range(3)))
    for database in databases:
        database.revisions.refresh()
    assert metrics[0].all() == metrics[1].all() == metrics[2].all()
    assert keys[0].all() == keys[1].all() == keys[2].all()
    assert len(metrics[0].all()) == len(keys[0].all()) == 24


@server_only
def test_a_listening_node_reads_a_change_of_another_node_when_it_is_announced(node: Open) -> None:
    metrics, there, events = Metrics(node()), node(), Events()
    others, is_changed = Metrics(there), threading.Event()
    events.subscribe(DefinitionsChanged, lambda _: is_changed.set())
    listener = ChangeListener(there, events)
    try:
        # Without a change, a run ends after a while; then the node listens.
        listener.run_once()
        listener.start()
        metric = metrics.create(MetricDraft(name="orders"), QUESTION, AT)
        assert is_changed.wait(POLL_SECONDS / 2)
        assert others.all() == [metric]
    finally:
        listener.stop()
