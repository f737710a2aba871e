"""Fields that metrics use become columns with the values of the JSON; unused ones are dropped."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.builders import an_interaction
from support.deployments import settings_in
from support.engines import folders_only, statements_running
from support.leadership import SetLeadership
from tocsin.clickhouse.sql.materialized_columns import (
    MaterializedColumn,
    columns_to_materialize,
    compile_existing,
)
from tocsin.clickhouse.sql.query import Query
from tocsin.ingestion.request_context import RequestContext
from tocsin.metrics.column_promoter import (
    FOLLOWER_CHECK_SECONDS,
    FOLLOWER_POLL_SECONDS,
    GRACE_PERIOD,
    ColumnPromoter,
    ColumnReconciler,
)
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.field import Field
from tocsin.model.key import Role
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.process.audit import Actor
from tocsin.runtime import Runtime

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
HOSTILE = [
    "it's", "x`y", "back\\slash", "end\\", '"', "'", "`", "\\'", "new\nline", "tab\tx", "\x00",
    "\x7f", "\u2028", "😀", "ключ", "null", "@t", "^u", ":v", "a b", "--", "/*", ";", "{p0:String}",
    "$1", "%s", "%", "?", "(", "a.b", "`; DROP TABLE interactions; --", "size0",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def opened(folder: Path) -> Iterator[Runtime]:
    runtime = open_runtime(folder)
    yield runtime
    runtime.close()


def open_runtime(folder: Path) -> Runtime:
    """Without its own promoter, so a test can reconcile step by step."""
    runtime = Runtime(settings_in(folder))
    runtime.promoter.stop()
    runtime.engine.load_field_types()
    return runtime


def record(runtime: Runtime, *payloads: dict[str, Any]) -> None:
    lines = [
        json.dumps(
            {
                "resourceType": "ORDER",
                "resourceId": "1",
                "action": "PLACED",
                "origin": "WEB",
                "timestamp": "2026-03-20T14:00:00Z",
                "interaction": payload,
            }
        ).encode()
        for payload in payloads
    ]
    assert runtime.recorder.record_batch(lines, RequestContext(received=0)).accepted == len(lines)


def question(**members: Any) -> Question:
    return Question.model_validate({"metricType": "COUNT", **members})


def total(key: str = "total") -> Question:
    return question(metricType="SUM", field=f"interaction.{key}")


def settle(reconciler: ColumnReconciler, *questions: Question, at: datetime = AT) -> None:
    desired = reconciler.desired(questions, at)
    wait_until(lambda: reconciler.reconcile(desired, at))


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def columns(runtime: Runtime) -> set[str]:
    query = compile_existing(runtime.engine.tables)
    return {name for (name,) in runtime.engine.run_ddl(query)}


def value(runtime: Runtime, question: Question) -> Any:
    return runtime.calculator.calculate(question, AT).readings[0].value


def test_the_json_is_read_until_every_part_has_the_column(opened: Runtime) -> None:
    record(opened, {"total": 1}, {"total": "2.5"})
    reconciler = ColumnReconciler(opened.engine, GRACE_PERIOD, tolerance_rows=0)
    desired = reconciler.desired([total()], AT)
    assert not reconciler.reconcile(desired, AT)
    assert opened.engine.materialized_columns == {}
    record(opened, {"total": True}, {"total": 4.25})
    wait_until(lambda: reconciler.reconcile(desired, AT))
    assert list(opened.engine.materialized_columns) == list(desired)
    assert opened.calculator.explain(total(), AT).promoted == (total().field,)
    assert value(opened, total()) == 7.75


def test_columns_of_hostile_keys_have_the_values_of_the_json(folder: Path) -> None:
    opened = open_runtime(folder)
    fields = [str(Field.of_path((key,))) for key in HOSTILE]
    groupings = [question(groupBy=[field]) for field in fields]
    numbers = [question(metricType="SUM", field=field) for field in fields]
    record(opened, {key: number + 0.5 for number, key in enumerate(HOSTILE)})
    settle(ColumnReconciler(opened.engine, GRACE_PERIOD, tolerance_rows=0), *groupings, *numbers)
    record(opened, {key: str(number) for number, key in enumerate(HOSTILE)})
    assert len(opened.engine.materialized_columns) == 2 * len(HOSTILE)
    opened.close()

    opened = open_runtime(folder)
    settle(ColumnReconciler(opened.engine, GRACE_PERIOD, tolerance_rows=0), *groupings, *numbers)
    assert len(opened.engine.materialized_columns) == 2 * len(HOSTILE)
    for number, (grouping, sum_) in enumerate(zip(groupings, numbers, strict=True)):
        assert value(opened, sum_) == 2 * number + 0.5, HOSTILE[number]
        readings = opened.calculator.calculate(grouping, AT).readings
        texts = {next(iter((reading.dimensions or {}).values())) for reading in readings}
        assert texts == {str(number), str(number + 0.5)}, HOSTILE[number]
    opened.close()


def record_as_before(runtime: Runtime, *payloads: dict[str, Any]) -> None:
    """Record payloads as a version without a ceiling for the length of keys did."""
    ids = [
        runtime.catalog.ensure(kind, mnemonic, AT).id_bytes
        for kind, mnemonic in zip(Kind, ("ORDER", "PLACED", "WEB"), strict=True)
    ]
    at = to_milliseconds(AT - timedelta(minutes=30))
    raws = [json.dumps(payload).encode() for payload in payloads]
    runtime.recorder.append([an_interaction(ids, timestamp=at, payload=raw) for raw in raws])


# Such keys are rejected now; only a folder may have them from an earlier version.
@folders_only
def test_a_field_that_the_engine_refuses_as_a_column_is_read_from_the_json_and_logged_once(
    opened: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = "k" * 100_000  # in the table's definition more often than the engine can read again
    record_as_before(opened, {"a": 1, endless: 2, "b": 4}, {"a": 8, endless: "x", "b": 16})
    questions = [
        total("a"),
        total(endless),
        question(groupBy=[f"interaction.{endless}"]),
        total("b"),
    ]
    reconciler = ColumnReconciler(opened.engine, GRACE_PERIOD, tolerance_rows=0)
    for minutes in (0, 5, 10, 20, 30):
        settle(reconciler, *questions, at=AT + timedelta(minutes=minutes))
    assert [str(field) for field, _ in opened.engine.materialized_columns] == [
        "interaction.a",
        "interaction.b",
    ]
    assert [value(opened, question) for question in questions] == [9, 2, 1, 20]
    assert capsys.readouterr().out.count("failed") == 1
    for measured in questions:
        promoted = opened.calculator.explain(measured, AT).promoted
        assert promoted == ((measured.field,) if measured in (total("a"), total("b")) else ())
    reports = opened.discovery.details().fields
    assert [str(report.field) for report in reports if report.promoted] == [
        "interaction.a",
        "interaction.b",
    ]


def test_an_unused_column_is_not_readable_and_is_dropped_after_the_grace_period(
    opened: Runtime,
) -> None:
    record(opened, {"total": 1})
    reconciler = ColumnReconciler(opened.engine, timedelta(minutes=10))
    settle(reconciler, total())
    (name,) = columns(opened)
    settle(reconciler, at=AT)
    assert opened.engine.materialized_columns == {}
    settle(reconciler, at=AT + timedelta(minutes=9))
    assert columns(opened) == {name}
    settle(reconciler, total(), at=AT + timedelta(minutes=9))
    assert list(opened.engine.materialized_columns.values()) == [name]
    settle(reconciler, at=AT + timedelta(minutes=15))
    settle(reconciler, at=AT + timedelta(minutes=24))
    assert columns(opened) == {name}
    settle(reconciler, at=AT + timedelta(minutes=25))
    assert columns(opened) == set()
    assert value(opened, total()) == 1


def test_after_a_restart_used_columns_are_readable_and_unused_ones_are_dropped(
    folder: Path,
) -> None:
    opened = open_runtime(folder)
    record(opened, {"total": 1, "items": 2})
    settle(ColumnReconciler(opened.engine, GRACE_PERIOD), total(), total("items"))
    before = dict(opened.engine.materialized_columns)
    opened.close()

    opened = open_runtime(folder)
    reconciler = ColumnReconciler(opened.engine, GRACE_PERIOD)
    settle(reconciler, total("items"))
    assert before.items() >= opened.engine.materialized_columns.items()
    assert columns(opened) == set(before.values())
    settle(reconciler, total("items"), at=AT + GRACE_PERIOD)
    assert columns(opened) == set(opened.engine.materialized_columns.values())
    opened.close()


def test_a_query_that_reads_a_column_succeeds_while_the_column_is_dropped(
    opened: Runtime,
) -> None:
    record(opened, {"total": 1})
    reconciler = ColumnReconciler(opened.engine, timedelta(0))
    settle(reconciler, total())
    (name,) = columns(opened)
    slow = Query(f"SELECT sum({name}) FROM interactions WHERE sleepEachRow(2) = 0")
    rows: list[Any] = []
    running = threading.Thread(target=lambda: rows.extend(opened.engine.run(slow)))
    running.start()
    wait_until(lambda: statements_running(opened.engine, "SELECT sum(number_") > 0)
    settle(reconciler)
    assert columns(opened) == set()
    running.join()
    assert rows == [(1.0,)]


def test_a_field_of_growing_cardinality_gets_a_column_for_many_texts(
    opened: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.metrics.column_promoter.LOW_CARDINALITY_LIMIT", 3)
    by_user = question(groupBy=["interaction.user"])
    reconciler = ColumnReconciler(opened.engine, GRACE_PERIOD)
    record(opened, {"user": "a"})
    settle(reconciler, by_user)
    (few,) = opened.engine.materialized_columns.values()
    record(opened, *({"user": f"u{n}"} for n in range(9)))
    settle(reconciler, by_user)
    ((ask, many),) = opened.engine.materialized_columns.items()
    assert few == MaterializedColumn(*ask, is_low_cardinality=True).name
    assert many == MaterializedColumn(*ask, is_low_cardinality=False).name
    assert len(opened.calculator.calculate(by_user, AT).readings) == 10


def test_a_filter_for_one_of_many_texts_does_not_read_all_rows(
    opened: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.metrics.column_promoter.LOW_CARDINALITY_LIMIT", 3)
    rows = 20_000
    record(opened, *({"user": f"u{n // 10}"} for n in range(rows)))
    by_user = question(groupBy=["interaction.user"])
    of_one = question(filters=[{"field": "interaction.user", "operator": "eq", "value": "u7"}])
    reconciler = ColumnReconciler(opened.engine, GRACE_PERIOD, tolerance_rows=0)
    reconciler.reconcile(reconciler.desired([by_user], AT), AT)
    assert len(columns(opened)) == 1
    assert opened.calculator.explain(of_one, AT).rows_read == rows
    settle(reconciler, by_user, of_one)  # the column is being filled when the index is added
    assert len(columns(opened)) == 2
    wait_until(lambda: opened.calculator.explain(of_one, AT).rows_read < rows / 2)
    record(opened, {"user": "u7"}, {"user": "u8"}, {"user": 7}, {"user": None})
    assert value(opened, of_one) == 11

    settle(reconciler, by_user)
    settle(reconciler, by_user, at=AT + GRACE_PERIOD)
    assert columns(opened) == set(opened.engine.materialized_columns.values())
    settle(reconciler, by_user, of_one)
    settle(reconciler)
    settle(reconciler, at=AT + GRACE_PERIOD)
    assert columns(opened) == set()
    assert value(opened, of_one) == 11


def test_a_filter_tree_reads_columns_and_its_equality_tests_use_indexes(
    opened: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.metrics.column_promoter.LOW_CARDINALITY_LIMIT", 3)
    rows = 20_000
    record(opened, *({"user": f"u{n // 10}", "n": n} for n in range(rows)))
    texts = [{"field": "interaction.user", "operator": "eq", "value": f"u{n}"} for n in (3, 1_900)]
    is_low = {"field": "interaction.n", "operator": "lt", "value": 19_005}
    with_tree = question(
        filters=[{"any": texts}, {"not": {"all": [is_low, {"not": is_low}]}}, is_low]
    )
    settle(ColumnReconciler(opened.engine, GRACE_PERIOD, tolerance_rows=0), with_tree)
    assert {str(field) for field, _ in opened.engine.materialized_columns} == {
        "interaction.user",
        "interaction.n",
    }
    wait_until(lambda: opened.calculator.explain(with_tree, AT).rows_read < rows / 2)
    assert value(opened, with_tree) == 15


def test_numbers_and_few_texts_get_no_index(opened: Runtime) -> None:
    record(opened, {"total": 0}, {"total": -0.0}, {"total": "x"})
    is_zero = {"field": "interaction.total", "operator": "in", "value": [0, "x"]}
    settle(ColumnReconciler(opened.engine, GRACE_PERIOD), question(filters=[is_zero]))
    assert columns(opened) == set(opened.engine.materialized_columns.values())
    assert value(opened, question(filters=[is_zero])) == 3


def test_fields_of_saved_metrics_are_promoted_and_those_of_deleted_ones_are_not(
    opened: Runtime, folder: Path
) -> None:
    opened.close()
    again = Runtime(settings_in(folder))
    draft, saved = read_metric(
        {"name": "Sum", "metricType": "SUM", "field": "interaction.total"}, again.catalog
    )
    actor = Actor(again.keys.create("test", Role.ADMIN, AT)[0], None)
    metric = again.metric_service.create(draft, saved, actor)
    wait_until(
        lambda: (
            list(again.engine.materialized_columns)
            == columns_to_materialize([saved], lambda _: frozenset())
        )
    )
    again.metric_service.delete(metric.metric_id, actor)
    wait_until(lambda: not again.engine.materialized_columns)
    again.close()


def test_the_worker_takes_a_step_in_each_run_after_the_first_wake(opened: Runtime) -> None:
    record(opened, {"total": 1})
    promoter = ColumnPromoter(opened.engine, opened.metrics, opened.clock)
    draft, sum_of_total = read_metric(
        {"name": "sum", "metricType": "SUM", "field": "interaction.total"}, opened.catalog
    )
    opened.metrics.create(draft, sum_of_total, AT)
    assert promoter.run_once() is None
    assert columns(opened) == set()
    promoter.wake()
    wait_until(lambda: promoter.run_once() is None)
    assert set(opened.engine.materialized_columns) == set(
        columns_to_materialize([sum_of_total], opened.engine.field_types.of)
    )


def test_a_node_that_is_not_the_leader_reads_the_columns_of_the_leader(opened: Runtime) -> None:
    record(opened, {"total": 1})
    leadership = SetLeadership(is_leader=False)
    promoter = ColumnPromoter(opened.engine, opened.metrics, opened.clock, leadership=leadership)
    draft, sum_of_total = read_metric(
        {"name": "sum", "metricType": "SUM", "field": "interaction.total"}, opened.catalog
    )
    opened.metrics.create(draft, sum_of_total, AT)
    promoter.wake()
    assert promoter.run_once() == FOLLOWER_POLL_SECONDS
    assert columns(opened) == set()
    settle(ColumnReconciler(opened.engine, GRACE_PERIOD), sum_of_total)
    opened.engine.materialized_columns = {}
    assert promoter.run_once() == FOLLOWER_CHECK_SECONDS
    assert opened.engine.materialized_columns
