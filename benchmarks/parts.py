"""The parts of a run, in order; each adds its results to the record."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import clickhouse_connect

from benchmarks import cardinality, combined, many, metric_set, mixed, postgres, wide
from benchmarks.askers import (
    BY_HAND,
    OVER_JSON,
    POSTGRES,
    TOCSIN,
    by_calculating,
    by_first_asking,
    by_hand,
    by_postgres,
)
from benchmarks.bench import Bench
from benchmarks.compare import Asker, Result, compare
from benchmarks.copies import freeze
from benchmarks.defining import define
from benchmarks.loading import Loaded, load, load_postgres, load_tocsin
from benchmarks.queries import CASES, Case
from benchmarks.tocsin_server import Server, wait_until_quiet

TRIALS = {100: 3, 1_000: 2}


def load_both(bench: Bench, stack: ExitStack, with_postgres: bool) -> None:
    """Both systems with the same rows; PostgreSQL runs as long as the stack."""
    now = datetime.now(UTC)
    loaded = load(
        bench.kept, "tocsin", bench.rows, lambda folder: load_tocsin(folder, bench.rows, now)
    )
    bench.rows = loaded.rows  # what is kept was made as of its own instant
    _add(bench, loaded, now)
    if not with_postgres:
        bench.run.notes.append("PostgreSQL was left out, as asked.")
        return
    try:
        postgres.server_binaries()
    except postgres.PostgresMissingError as error:
        bench.run.notes.append(str(error))
        return
    home = bench.kept / "postgres"
    _add(bench, load(
        bench.kept, "postgres", bench.rows,
        lambda home: load_postgres(home, bench.rows, now, bench.cores),
    ), now)  # fmt: skip
    bench.postgres = stack.enter_context(postgres.cluster(home, bench.cores))
    bench.run.environment["servers"].append(f"PostgreSQL {postgres.version(bench.postgres)}")


def _add(bench: Bench, loaded: Loaded, now: datetime) -> None:
    run = bench.run
    run.ingestion += loaded.ingestion
    run.memory |= loaded.memory
    run.disk |= loaded.disk
    bench.steps.seconds.update(loaded.seconds)
    if loaded.at != now:
        what = " and ".join(name for name in loaded.seconds if name.startswith(("send", "Post")))
        run.notes.append(f"Loaded earlier, at {loaded.at:%Y-%m-%d %H:%M} UTC, and kept: {what}.")


def promote(bench: Bench) -> list[str]:
    """Define the questions as metrics, and wait until their fields are columns; their ids."""
    bench.fresh_copy("tocsin")
    with bench.serving() as server:
        bench.run.disk["Tocsin's engine, nothing promoted"] = server.bytes_on_disk()
        with bench.part("metrics defined, their fields promoted"):
            definitions = [{"name": case.name, **case.metric} for case in CASES]
            ids = define(server, definitions, bench.rows.until)
        bench.run.memory["while fields were promoted"] = server.memory()
        bench.run.disk["Tocsin's engine, with promoted columns"] = server.bytes_on_disk()
    return ids


def singles(bench: Bench, ids: list[str]) -> None:
    """Every question to all systems in turns: the server with promoted columns, one that has none,
    the engine by hand, PostgreSQL."""
    copy = freeze(bench.data_dir, bench.folder / "by-hand")
    plain = bench.fresh_copy("over-json")
    with (
        bench.serving(plain) as over_json,
        bench.serving() as server,
        clickhouse_connect.get_client(interface="chdb", path=str(copy / "engine")) as client,
    ):
        bench.run.environment["servers"].append(f"ClickHouse {client.server_version}")
        with bench.part("wait until all engines are quiet"):
            for process in (server.process.pid, over_json.process.pid, None):
                wait_until_quiet(process)
        for case, metric_id in zip(CASES, ids, strict=True):
            with bench.part(case.name):
                askers = {
                    TOCSIN: _asker(server, case, metric_id),
                    OVER_JSON: by_first_asking(over_json, case),
                    BY_HAND: by_hand(client, server.catalog(), bench.rows.until, case),
                    **_postgres(bench, case),
                }
                bench.run.results.append(_compared(server, case, askers, bench))
        bench.run.memory["while single metrics were calculated"] = server.memory()
    for folder in (copy, plain):
        shutil.rmtree(folder)


def _asker(server: Server, case: Case, metric_id: str) -> Asker:
    if case.is_scoped_window:
        return by_calculating(server, case, metric_id)
    return by_first_asking(server, case)


def _compared(server: Server, case: Case, askers: dict[str, Asker], bench: Bench) -> Result:
    server.forget_peak()
    result = compare(case, askers, bench.rows.until)
    return result.with_peak(server.memory().peak)


def _postgres(bench: Bench, case: Case) -> dict[str, Asker]:
    if not bench.postgres:
        return {}
    return {POSTGRES: by_postgres(bench.postgres, bench.rows.until, case)}


def asked_again(bench: Bench) -> None:
    """Wide metrics, from the first time they are asked on."""
    with bench.serving() as server:
        ids = define(server, wide.definitions(), bench.rows.until)
    with bench.serving() as server, bench.part("wide metrics, asked again and again"):
        wait_until_quiet(server.process.pid)
        for case, metric_id in zip(wide.WIDE, ids, strict=True):
            others = _postgres(bench, case)
            result = wide.measure(server, case, metric_id, others, bench.rows.until)
            bench.run.wide.append(result)
        bench.run.memory["while wide metrics were asked again"] = server.memory()


def many_together(bench: Bench, count: int) -> None:
    """The same metrics one after the other, and together."""
    questions = metric_set.metrics(count, bench.rows.seed)
    with bench.part(f"{count:,} metrics, one by one and together"):
        result = many.measure(bench.serving, questions, bench.rows.until, TRIALS[count])
    bench.run.many.append(result)


def many_beside_postgres(bench: Bench) -> None:
    """The metrics that were last calculated together, as PostgreSQL's fastest combined query."""
    if not bench.postgres:
        return
    result = bench.run.many[-1]
    questions = metric_set.metrics(result.metrics, bench.rows.seed)
    with bench.serving() as server:
        expected = many.answers_of(questions, server.calculate_all(bench.rows.until))
    with bench.part(f"PostgreSQL: the {result.metrics} metrics in few statements"):
        result.postgres = combined.measure(bench.postgres, questions, bench.rows.until, expected)


def many_groups(bench: Bench) -> None:
    """A metric with a million groups, and others beside it."""
    definitions: list[dict[str, Any]] = [cardinality.HEAVY, cardinality.LIGHT]
    with bench.serving() as server, bench.part("a metric with a million groups"):
        heavy, light = define(server, definitions, bench.rows.until)
        bench.run.cardinality = cardinality.measure(server, heavy, light, bench.rows.until)


def mixed_load(bench: Bench) -> None:
    """Ingestion and calculations at the same time; changes the table, so it comes last."""
    rows = min(mixed.ROWS, bench.rows.count)
    with bench.serving() as server, bench.part("calculations while interactions come in"):
        definitions = [{"name": case.name, **case.metric} for case in CASES]
        ids = define(server, definitions, bench.rows.until)
        named = {case.name: metric_id for case, metric_id in zip(CASES, ids, strict=True)}
        bench.run.mixed = mixed.measure(
            server, bench.folder, named, bench.rows.seed + 1, bench.rows.until, rows
        )
        bench.run.memory["while both went on"] = server.memory()
