"""Compares reading from two shards with two replicas with reading from one server.

    make bench-cluster

Both run at the same time on the same cores and are measured in turns. Reading from the shards is to
take at most 1.5 times as long as from one server, and 8 ms more: on one machine, both shards share
the cores that one server has for itself.

A lower quartile shows the cost better than a median where other work runs: a query of a cluster
waits for a core several times, in each of its processes.

All small parts are merged before. ClickHouse leaves a different number of them at each run, often
ten on one shard, and reading a path of the JSON takes 2 ms longer for each.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any
from urllib.parse import urlsplit

import numpy as np
import typer

from benchmarks import data
from benchmarks.askers import by_first_asking
from benchmarks.environment import environment as about_machine
from benchmarks.environment import use_cores
from benchmarks.queries import CASES
from benchmarks.servers import Deployment, databases, in_turn, record, timed
from benchmarks.steps import Steps, console
from benchmarks.tocsin_server import serve, wait_until_quiet
from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.http_connector import connected
from tocsin.model.server_address import ServerAddress

ONE, SHARDS = "one server", "two shards"
BATCHES, SINGLES = "batches", "singles"
FACTOR, MORE_MS = 1.5, 8.0
MERGE_SECONDS = 300.0


def open_both(folder: Path, stack: ExitStack) -> tuple[list[Deployment], list[ServerAddress]]:
    cluster = os.environ["TOCSIN_TEST_CLICKHOUSE_URL"]
    parts = urlsplit(cluster)
    first = parts._replace(netloc=parts.netloc.partition(",")[0], query="").geturl()
    both, addresses = [], []
    for name, url in ((ONE, first), (SHARDS, cluster)):
        variables = stack.enter_context(databases(url))
        node = stack.enter_context(serve(None, folder / "log", variables))
        both.append(Deployment(name, [node]))
        addresses.append(ServerAddress.parse(variables["TOCSIN_CLICKHOUSE_URL"]))
    return both, addresses


def merge_parts(address: ServerAddress) -> None:
    """Merge the parts of each month on every shard, and wait for all replicas."""
    topology = discover(address)
    for shard in topology.shards:
        with connected(shard[0].address, MERGE_SECONDS) as client:
            statement = f"OPTIMIZE TABLE {topology.local_table} FINAL"
            client.command(statement, settings={"alter_sync": 2})


def measure(
    both: list[Deployment],
    addresses: list[ServerAddress],
    rows: int,
    asks: int,
    folder: Path,
    steps: Steps,
) -> None:
    file, until = folder / "interactions.ndjson", datetime.now(UTC).replace(microsecond=0)
    ends = np.concatenate(list(data.write_ndjson(file, data.generate(rows, 1, until))))
    singles = min(rows // 10, 2_000)
    for figure, part, size, lanes in (
        (BATCHES, range(rows - singles), 5_000, 4),
        (SINGLES, range(rows - singles, rows), 1, 64),
    ):
        with steps.step(figure):
            for deployment in both:
                record(deployment, figure, file, ends, part, size, lanes)
    with steps.step("merging"):
        for address in addresses:
            merge_parts(address)
    for deployment in both:
        wait_until_quiet(deployment.nodes[0].process.pid)
    with steps.step("reading"):
        for case in CASES:
            # Each time another question, which is not answered from partial results.
            askers = {each.name: by_first_asking(each.nodes[0], case) for each in both}
            for turn in range(asks + 1):
                at = until - timedelta(milliseconds=turn)
                for deployment in in_turn(both, turn):
                    seconds = timed(partial(askers[deployment.name].ask, at))
                    if turn:
                        deployment.add(case.name, seconds * 1000)


def report(both: list[Deployment], about: dict[str, Any], rows: int) -> str:
    lines = [
        f"# One server and two shards with two replicas, {rows:,} interactions for each",
        "",
        f"Measured on {about['date']}, {about['cores']} cores ({about['cpu']}), which Tocsin, four "
        "ClickHouse servers, ZooKeeper and PostgreSQL share, at a load of "
        f"{os.getloadavg()[1]:.0f}. Lower quartiles of calculations in turns, in milliseconds, "
        f"over merged parts; allowed are {FACTOR} times one server and {MORE_MS:.0f} ms more.",
        "",
        f"| | {ONE} | {SHARDS} | allowed |",
        "|---|---|---|---|",
    ]
    for figure in both[0].figures:
        if figure in (BATCHES, SINGLES):
            server, shards = (each.figures[figure][0] for each in both)
            lines.append(f"| {figure}, interactions a second | {server:,.0f} | {shards:,.0f} | |")
            continue
        server, shards = (quantiles(each.figures[figure])[0] for each in both)
        allowed = FACTOR * server + MORE_MS
        mark = "" if shards <= allowed else " exceeded"
        lines.append(f"| {figure} | {server:,.1f} | {shards:,.1f} | {allowed:,.1f}{mark} |")
    return "\n".join([*lines, ""])


def main(
    rows: Annotated[int, typer.Option(min=20_000, help="interactions for each")] = 200_000,
    asks: Annotated[int, typer.Option(min=5, help="instants of each question")] = 15,
    out: Annotated[Path, typer.Option(help="the file to write")] = Path(
        "benchmarks/results/shards.md"
    ),
) -> None:
    """Measure both on the cluster of TOCSIN_TEST_CLICKHOUSE_URL and TOCSIN_TEST_DATABASE_URL."""
    use_cores(2)
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        about = about_machine(folder)
        both, addresses = open_both(folder, stack)
        measure(both, addresses, rows, asks, folder, Steps())
        text = report(both, about, rows)
    out.write_text(text)
    console.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
