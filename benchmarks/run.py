"""The whole benchmark, step by step; nothing of it is a test, but wrong answers end it."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import clickhouse_connect
import numpy as np
import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import data, postgres, report
from benchmarks.compare import BY_HAND, POSTGRES, TOCSIN, Asker, Result, by_hand, by_postgres
from benchmarks.compare import compare as compare_case
from benchmarks.compare import tocsin as by_tocsin
from benchmarks.environment import environment, use_cores
from benchmarks.load import Ingestion, Plan, ingest
from benchmarks.queries import CASES
from benchmarks.tocsin_server import Memory, Server, freeze, instant, serve, wait_until_quiet

console = Console(stderr=True)


@dataclass
class Bench:
    """What the steps share, and what they found."""

    rows: int
    seed: int
    until: datetime
    cores: int
    folder: Path
    ingestion: list[Ingestion] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    servers: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.folder / "tocsin"

    @property
    def log(self) -> Path:
        return self.folder / "tocsin.log"

    def chunks(self) -> Iterator[data.Rows]:
        return data.generate(self.rows, self.seed, self.until)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step that takes a while: shown while it runs, timed when it is done."""
        began = time.monotonic()
        with console.status(name):
            yield
        self.seconds[name] = time.monotonic() - began
        console.print(f"{self.seconds[name]:8.1f} s  {name}")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    typer.run(benchmark)


def benchmark(
    rows: Annotated[int, typer.Option(min=1_000, help="interactions")] = 1_000_000,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("benchmarks/results"),
    work: Annotated[Path | None, typer.Option(help="folder for the data; 3 GB a million")] = None,
    seed: int = 1,
    until: Annotated[datetime | None, typer.Option(help="the newest instant, UTC; now")] = None,
    cores: Annotated[int, typer.Option(min=1, help="cores that everything shares")] = 2,
    with_postgres: Annotated[bool, typer.Option("--postgres/--no-postgres")] = True,
) -> None:
    """Measure Tocsin beside the engine by hand and PostgreSQL by hand, on the same rows."""
    use_cores(cores)
    newest = (until or datetime.now(UTC)).replace(microsecond=0, tzinfo=UTC)
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=work) as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        bench = Bench(rows, seed, newest, cores, folder)
        about = environment(folder)
        if about["fileSystem"] == "tmpfs":
            bench.missing.append("The data lay in memory (tmpfs): being durable cost nothing.")
        load_tocsin(bench)
        if not with_postgres:
            bench.missing.append("PostgreSQL was left out, as asked.")
        connection = load_postgres(bench, stack) if with_postgres else None
        results, calculate_all = calculate(bench, connection)
        run = report.Run(
            rows, seed, instant(newest), {**about, "servers": bench.servers}, bench.ingestion,
            bench.memory, results, calculate_all, bench.disk, bench.seconds, bench.missing,
        )  # fmt: skip
    for path in report.write(run, out):
        console.print(f"wrote {path}")
    Console().print(report.markdown(run), markup=False, soft_wrap=True)


def load_tocsin(bench: Bench) -> None:
    """Everything over HTTP: most of it in batches of 5,000, then of 500, the rest one by one."""
    file = bench.folder / "interactions.ndjson"
    with bench.step("write the interactions as NDJSON"):
        ends = np.concatenate(list(data.write_ndjson(file, bench.chunks())))
    singles, small = min(20_000, bench.rows // 20), min(200_000, bench.rows // 5)
    first, second = bench.rows - singles - small, bench.rows - singles
    plans = (
        Plan(5_000, 4, range(first)),
        Plan(500, 4, range(first, second)),
        Plan(1, 64, range(second, bench.rows)),
    )
    with serve(bench.data_dir, bench.log) as server:
        for plan in plans:
            with bench.step(f"send {len(plan.rows):,} interactions, {plan.size:,} a request"):
                bench.ingestion.append(ingest(server.address, server.key, file, ends, plan))
            with bench.step(f"merges after requests of {plan.size:,}"):
                wait_until_quiet(server.process.pid)
        bench.memory["while interactions came in"] = server.memory()
    file.unlink()


def load_postgres(bench: Bench, stack: ExitStack) -> psycopg.Connection[Any] | None:
    """A cluster with the same rows, which lives as long as the stack; None where there is none."""
    try:
        postgres.server_binaries()
    except postgres.PostgresMissingError as error:
        console.print(str(error))
        bench.missing.append(str(error))
        return None
    connection = stack.enter_context(postgres.cluster(bench.folder, bench.cores))
    bench.servers.append(f"PostgreSQL {postgres.version(connection)}")
    with bench.step("PostgreSQL: make the rows again and copy them"):
        bench.seconds["PostgreSQL: COPY alone"] = postgres.load(connection, bench.chunks())
    for step, statements in postgres.PREPARATION.items():
        with bench.step(f"PostgreSQL: {step}"):
            for statement in statements:
                connection.execute(statement)
    bench.disk["PostgreSQL, with its indexes"] = postgres.disk_bytes(connection)
    return connection


def calculate(
    bench: Bench, connection: psycopg.Connection[Any] | None
) -> tuple[list[Result], list[float]]:
    """The questions to all systems in turns: the server, its engine by hand, PostgreSQL."""
    dsn = freeze(bench.data_dir, bench.folder / "by-hand")
    with serve(bench.data_dir, bench.log) as server:
        bench.seconds["start of a server that holds the interactions"] = server.ready_after
        with clickhouse_connect.get_client(dsn=dsn) as client:
            bench.servers.append(f"ClickHouse {client.server_version}")
            with bench.step("wait until both engines are quiet"):
                wait_until_quiet(server.process.pid)
                wait_until_quiet()
            results = list(_compare_all(bench, server, client, connection))
            size = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active"
            bench.disk["Tocsin's engine"] = int(client.query(size).result_rows[0][0])
        calculate_all = _time_calculate_all(bench, server)
        bench.memory["while metrics were calculated"] = server.memory()
    return results, calculate_all


def _compare_all(
    bench: Bench, server: Server, client: Any, connection: psycopg.Connection[Any] | None
) -> Iterator[Result]:
    ids = server.catalog()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("calculations", total=len(CASES))
        for case in CASES:
            progress.update(task, description=case.name)
            askers: dict[str, Asker] = {
                TOCSIN: by_tocsin(server, case),
                BY_HAND: by_hand(client, ids, bench.until, case),
            }
            if connection:
                askers[POSTGRES] = by_postgres(connection, bench.until, case)
            yield compare_case(case, askers, bench.until)
            progress.advance(task)


def _time_calculate_all(bench: Bench, server: Server) -> list[float]:
    runs = []
    with bench.step("calculate all, ten times"):
        for _ in range(10):
            began = time.perf_counter()
            server.calculate_all(bench.until)
            runs.append(time.perf_counter() - began)
    return runs
