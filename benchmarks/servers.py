"""Compares a data folder with one and with two nodes on a ClickHouse server and PostgreSQL.

    make bench-server

All deployments run at the same time on the same cores and are measured in turns, so that a
disturbance affects all of them. Against a data folder, one node is to record batches at 0.7 of the
rate and single interactions at 0.4, to answer a scoped window within 5 ms more, and to calculate
100 metrics in twice the time; two nodes together are to record no less than one.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex
from statistics import median
from subprocess import DEVNULL
from typing import Annotated, Any
from urllib.parse import urlsplit

import clickhouse_connect
import numpy as np
import psycopg
import typer
from sqlalchemy.engine import make_url

from benchmarks import data
from benchmarks.environment import environment as about_machine
from benchmarks.environment import use_cores
from benchmarks.load import Plan, ingest_at
from benchmarks.metric_set import metrics
from benchmarks.queries import CASES
from benchmarks.steps import Steps, console
from benchmarks.tocsin_server import COMMAND, Server, serve, wait_until_quiet
from tocsin.model.server_address import ServerAddress

FOLDER, ONE, TWO = "a data folder", "one node on servers", "two nodes on servers"
BATCHES, SINGLES, WARM, SCOPED = (
    "batches of 5,000, interactions a second",
    "single ones over 64 connections, a second",
    "100 metrics together, warm, ms",
    "a scoped window, ms",
)
ROUNDS = 5
NumberOfRows = Annotated[int, typer.Option(min=20_000, help="interactions for each deployment")]


@dataclass
class Deployment:
    """Running nodes on the same data; `figures` has a number for each round of a measurement."""

    name: str
    nodes: list[Server]
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, figure: str, value: float) -> None:
        self.figures.setdefault(figure, []).append(value)


@contextmanager
def databases(clickhouse: str = "") -> Iterator[dict[str, str]]:
    """The variables of a new, migrated installation on the servers of the test variables, or on
    another ClickHouse."""
    name = f"tocsin_bench_{token_hex(4)}"
    postgres = make_url(os.environ["TOCSIN_TEST_DATABASE_URL"])
    parts = urlsplit(clickhouse or os.environ["TOCSIN_TEST_CLICKHOUSE_URL"])
    url = parts._replace(path=f"/{name}").geturl()
    administrator = postgres.set(drivername="postgresql").render_as_string(hide_password=False)
    variables = {
        "TOCSIN_DATABASE_URL": postgres.set(database=name).render_as_string(hide_password=False),
        "TOCSIN_CLICKHOUSE_URL": url,
        "TOCSIN_ADMIN_KEY": token_hex(16),
    }
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            environment = {**os.environ, **variables}
            subprocess.run([COMMAND, "migrate"], env=environment, check=True, stdout=DEVNULL)
            yield variables
        finally:
            for server in ServerAddress.parse(url).servers:
                client = clickhouse_connect.get_client(
                    host=server.host,
                    port=server.port,
                    username=server.user,
                    password=server.password,
                )
                client.command(f"DROP DATABASE IF EXISTS {name} SYNC")
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def open_all(folder: Path, stack: ExitStack) -> list[Deployment]:
    log = folder / "tocsin.log"

    def nodes(count: int) -> list[Server]:
        variables = stack.enter_context(databases())
        return [stack.enter_context(serve(None, log, variables)) for _ in range(count)]

    return [
        Deployment(FOLDER, [stack.enter_context(serve(folder / "tocsin", log))]),
        Deployment(ONE, nodes(1)),
        Deployment(TWO, nodes(2)),
    ]


def record(
    deployment: Deployment, figure: str, file: Path, ends: Any, rows: range, size: int, lanes: int
) -> None:
    """Send the rows, in equal parts to all nodes at the same time."""
    addresses = [node.address for node in deployment.nodes]
    sent = ingest_at(addresses, deployment.nodes[0].key, file, ends, Plan(size, lanes, rows))
    deployment.add(figure, sent.per_second)


def measure(
    deployments: Sequence[Deployment], rows: int, asks: int, folder: Path, steps: Steps
) -> None:
    file, until = folder / "interactions.ndjson", datetime.now(UTC).replace(microsecond=0)
    ends = np.concatenate(list(data.write_ndjson(file, data.generate(rows, 1, until))))
    singles = rows // 10
    for figure, part, size, lanes in (
        (BATCHES, range(rows - singles), 5_000, 4),
        (SINGLES, range(rows - singles, rows), 1, 64),
    ):
        with steps.step(figure):
            each = len(part) // ROUNDS
            for turn in range(ROUNDS):
                share = range(part.start + turn * each, part.start + (turn + 1) * each)
                for deployment in in_turn(deployments, turn):
                    record(deployment, figure, file, ends, share, size, lanes)
        for deployment in deployments:
            wait_until_quiet(deployment.nodes[0].process.pid)
    with steps.step(SCOPED):
        ask(deployments, until, asks)
    with steps.step(WARM):
        ask_together(deployments, until, asks)


def in_turn(deployments: Sequence[Deployment], turn: int) -> Sequence[Deployment]:
    return deployments if turn % 2 == 0 else deployments[::-1]


def ask(deployments: Sequence[Deployment], until: datetime, asks: int) -> None:
    """Preview each metric of a scoped window as of many instants."""
    definitions = [case.metric for case in CASES if case.is_scoped_window]
    for turn in range(asks):
        at = until - timedelta(milliseconds=turn)
        for deployment in in_turn(deployments, turn):
            for definition in definitions:
                server = deployment.nodes[turn % len(deployment.nodes)]
                seconds = timed(partial(server.preview, definition, at))
                deployment.add(SCOPED, seconds * 1000)


def ask_together(deployments: Sequence[Deployment], until: datetime, asks: int) -> None:
    for deployment in deployments:
        for question in metrics(100, 1):
            deployment.nodes[0].create(question.definition)
    for turn in range(asks // 4):
        at = until - timedelta(seconds=7 * (asks - turn))
        for deployment in in_turn(deployments, turn):
            seconds = timed(partial(deployment.nodes[0].calculate_all, at))
            if turn > 3:  # the partial aggregates are cached by then
                deployment.add(WARM, seconds * 1000)


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def report(deployments: Sequence[Deployment], about: dict[str, Any], rows: int) -> str:
    lines = [
        f"# A data folder and servers, {rows:,} interactions for each",
        "",
        f"Measured on {about['date']}, {about['cores']} cores ({about['cpu']}), which Tocsin, "
        "ClickHouse and PostgreSQL share. Medians of rounds in turns; in brackets the ratio to a "
        "data folder.",
        "",
        f"| | {' | '.join(each.name for each in deployments)} |",
        f"|---|{'---|' * len(deployments)}",
    ]
    for figure in deployments[0].figures:
        values = [median(each.figures[figure]) for each in deployments]
        digits = 0 if figure in (BATCHES, SINGLES) else 1
        cells = (f"{value:,.{digits}f} ({value / values[0]:.2f})" for value in values)
        lines.append(f"| {figure} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main(
    rows: NumberOfRows = 200_000,
    asks: Annotated[int, typer.Option(min=20, help="instants of each question")] = 100,
    out: Annotated[Path, typer.Option(help="the file to write")] = Path(
        "benchmarks/results/servers.md"
    ),
) -> None:
    """Measure every deployment on servers named by TOCSIN_TEST_CLICKHOUSE_URL and
    TOCSIN_TEST_DATABASE_URL."""
    use_cores(2)
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        about = about_machine(folder)
        deployments = open_all(folder, stack)
        measure(deployments, rows, asks, folder, steps)
        text = report(deployments, about, rows)
    out.write_text(text)
    console.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
