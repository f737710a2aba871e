"""A repeat is a duplicate before, while and after the ids of recorded interactions are learnt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from random import Random

import pytest

from support.builders import an_interaction
from support.engines import folders_only
from tocsin.clickhouse import recorded_ids
from tocsin.clickhouse.bloom_filter import IdFilter
from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.connecting import connect
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.recorded_ids import InteractionIds
from tocsin.errors import Unavailable
from tocsin.ingestion.outcomes import Outcome, Outcomes
from tocsin.model.interactions.catalog import Kind
from tocsin.runtime import Runtime

MONTH = 31 * 86_400_000
MONTHS = 3
MANY = 1 << 20
Submit = Callable[..., Outcomes]


@pytest.fixture
def submit(runtime: Runtime) -> Submit:
    """Submits interactions with these ids, each in the month of its last bits."""
    scope = [runtime.catalog.ensure(kind, "TEST", runtime.now()).id_bytes for kind in Kind]
    compared = ("payload",)

    def submit(ids: Sequence[bytes], payload: bytes = b"{}") -> Outcomes:
        sent = [
            an_interaction(
                scope,
                interaction_id=id,
                timestamp=(id[-1] % MONTHS) * MONTH,
                payload=payload,
                compared=compared,
            )
            for id in ids
        ]
        return runtime.committer.submit(sent).result()

    return submit


def after_a_start(runtime: Runtime) -> InteractionIds:
    """Nothing is learnt, as after a start."""
    ids = runtime.engine.ids
    ids.filter = IdFilter()
    ids.expect_all()
    return ids


def new_ids(count: int, seed: int) -> list[bytes]:
    random = Random(seed)
    return [random.randbytes(16) for _ in range(count)]


def test_a_repeat_is_a_duplicate_at_every_step_of_learning(
    runtime: Runtime, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_ids, "BLOCK_IDS", 9)
    recorded, later = new_ids(90, 1), new_ids(90, 2)
    before = runtime.engine.rows()
    assert set(submit(recorded)) == {Outcome.RECORDED}
    ids = after_a_start(runtime)
    assert ids.unlearnt_rows == runtime.engine.rows()
    random = Random(3)
    sent_later: list[bytes] = []

    def resend() -> bool:
        assert submit(random.sample(recorded, 5)) == [Outcome.DUPLICATE] * 5
        if len(sent_later) < len(later):
            new = later[len(sent_later) : len(sent_later) + 3]
            assert set(submit(new)) == {Outcome.RECORDED}
            sent_later.extend(new)
        return submit(random.sample(sent_later, 3)) == [Outcome.DUPLICATE] * 3

    assert resend()
    assert ids.learn(resend)
    assert ids.unlearnt_rows == 0
    assert len(sent_later) > 20
    assert submit(recorded) == [Outcome.DUPLICATE] * 90
    assert submit(sent_later) == [Outcome.DUPLICATE] * len(sent_later)
    assert runtime.engine.rows() == before + len(recorded) + len(sent_later)


def test_ids_that_are_learnt_are_looked_up_no_more(runtime: Runtime, submit: Submit) -> None:
    submit(new_ids(100, 4))
    ids = after_a_start(runtime)
    before = ids.looked_up
    submit(new_ids(100, 5))
    assert ids.looked_up == before + 100
    assert ids.learn()
    submit(new_ids(100, 6))
    assert ids.looked_up == before + 100


def test_another_content_is_a_conflict_while_ids_are_learnt(
    runtime: Runtime, submit: Submit
) -> None:
    recorded = new_ids(3, 7)
    submit(recorded)
    after_a_start(runtime)
    assert submit(recorded, b'{"n": 1}') == [Outcome.CONFLICT] * 3
    assert runtime.engine.ids.learn()
    assert submit(recorded, b'{"n": 1}') == [Outcome.CONFLICT] * 3


def test_learning_that_was_interrupted_goes_on_later(
    runtime: Runtime, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_ids, "BLOCK_IDS", 7)
    recorded = new_ids(60, 8)
    submit(recorded)
    ids = after_a_start(runtime)
    blocks = iter([True] * 3)
    assert not ids.learn(lambda: next(blocks, False))
    assert ids.unlearnt_rows
    assert submit(recorded) == [Outcome.DUPLICATE] * 60
    assert ids.learn()
    assert submit(recorded) == [Outcome.DUPLICATE] * 60
    assert ids.filter.ids == runtime.engine.rows()


def test_a_month_of_which_ids_are_missing_is_not_learnt(runtime: Runtime, submit: Submit) -> None:
    recorded = new_ids(30, 9)
    submit(recorded)
    engine = runtime.engine
    month, rows = next(iter(engine.rows_by_month().items()))
    ids = InteractionIds(
        engine.status_queries,
        engine.unlimited_clients,
        lambda _: {month: rows + 1},
        MANY,
        stopping := threading.Event(),
    )
    ids.expect_all()
    with pytest.raises(Unavailable):
        ids.learn()
    assert ids.unlearnt_rows == rows + 1
    stopping.set()
    assert not ids.learn()


@folders_only
def test_ids_that_cannot_be_looked_up_are_to_be_sent_again(
    runtime: Runtime, submit: Submit
) -> None:
    recorded = new_ids(30, 10)
    submit(recorded)
    engine = runtime.engine
    connector = connect(runtime.settings.data_dir / "engine")
    poor = ClientPool(connector, {"max_memory_usage": 1})
    ids = InteractionIds(
        QueryRunner(poor, 30),
        engine.unlimited_clients,
        engine.rows_by_month,
        MANY,
        threading.Event(),
    )
    ids.expect_all()
    try:
        with pytest.raises(Unavailable):
            ids.find(recorded)
    finally:
        poor.close()
