"""The committer numbers, deduplicates and appends interactions."""

from __future__ import annotations

from uuid import uuid4

import pytest

from support.builders import an_interaction
from tocsin.errors import Unavailable
from tocsin.ingestion.append_log import LocalAppendLog
from tocsin.ingestion.committer import Committer
from tocsin.ingestion.month_limit import MonthLimit
from tocsin.ingestion.outcomes import Outcome, Rejected
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.notifications.outbox import Outbox
from tocsin.process.events import Events
from tocsin.runtime import Runtime


def interaction(runtime: Runtime, payload: bytes, id: bytes = b"") -> Interaction:
    """An interaction that skips the checks of the parser, so that the engine rejects it."""
    entries = [runtime.catalog.ensure(kind, "TEST", runtime.now()) for kind in Kind]
    scope = [entry.id_bytes for entry in entries]
    return an_interaction(scope, interaction_id=id, payload=payload)


def test_an_interaction_that_the_engine_rejects_does_not_affect_its_neighbors(
    runtime: Runtime,
) -> None:
    said_twice = b'{"a": 1, "a": 2}'
    payloads = [b"{}", said_twice, b'{"b": 1}', b'{"c": 1}', said_twice, b"{}", b"[", b'{"d": 1}']
    sent = [interaction(runtime, payload) for payload in payloads]
    before = runtime.engine.rows()
    outcomes = runtime.committer.submit(sent).result()
    refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Rejected)]
    assert refused == [1, 4, 6]
    assert isinstance(outcomes[1], Rejected)
    assert "Duplicate path" in outcomes[1].reason
    assert runtime.engine.rows() - before == 5
    stored = {i.payload for i in sent if runtime.engine.recorded_ids([i.interaction_id])}
    assert stored == {b"{}", b'{"b": 1}', b'{"c": 1}', b'{"d": 1}'}


def test_the_same_id_in_one_group_is_recorded_once(runtime: Runtime) -> None:
    id, other = uuid4().bytes, uuid4().bytes
    sent = [interaction(runtime, b'{"n": %d}' % n, (id, other, id)[n]) for n in range(3)]
    outcomes = runtime.committer.submit(sent).result()
    assert outcomes == [Outcome.RECORDED, Outcome.RECORDED, Outcome.DUPLICATE]
    again = runtime.committer.submit([interaction(runtime, b"{}", id)]).result()
    assert again == [Outcome.DUPLICATE]


def test_numbers_grow_with_every_interaction_recorded(runtime: Runtime) -> None:
    sent = [interaction(runtime, b"{}") for _ in range(3)]
    runtime.committer.submit(sent).result()
    numbers = [i.interaction_number for i in sent]
    assert numbers == sorted(set(numbers))
    assert runtime.engine.latest_number() == numbers[-1]


@pytest.fixture
def committer(runtime: Runtime) -> Committer:
    """One without a thread, beside that of the runtime."""
    months = MonthLimit(runtime.engine.recorded_months, 600, runtime.clock)
    outbox = Outbox(runtime.deliveries, runtime.engine, Events(), runtime.clock)
    return Committer(runtime.engine, LocalAppendLog(1_000_000, Events()), outbox, months)


def test_a_run_appends_everything_that_was_submitted_before(
    runtime: Runtime, committer: Committer
) -> None:
    before = runtime.engine.rows()
    futures = [committer.submit([interaction(runtime, b"{}")]) for _ in range(3)]
    assert committer.run_once() is None
    assert [future.result(0) for future in futures] == [[Outcome.RECORDED]] * 3
    assert runtime.engine.rows() - before == 3


def test_a_stop_appends_what_waits_and_refuses_what_comes_later(
    runtime: Runtime, committer: Committer
) -> None:
    waiting = committer.submit([interaction(runtime, b"{}")])
    committer.stop()
    assert waiting.result(0) == [Outcome.RECORDED]
    with pytest.raises(Unavailable):
        committer.submit([interaction(runtime, b"{}")])
