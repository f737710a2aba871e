"""Measures ingestion beside the bare engine's append of the same interactions.

python -m benchmarks.ingestion --rows 400000
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks import data, raw_engine
from benchmarks.compare import percentile
from benchmarks.environment import use_cores
from benchmarks.load import Ingestion, Plan, ingest
from benchmarks.tocsin_server import Server, serve, wait_until_quiet

SEED = 1
THREADS = (1, 2, 4)


def main() -> None:
    typer.run(measure)


def measure(
    rows: Annotated[int, typer.Option(help="interactions in batches of 5,000")] = 400_000,
    small: Annotated[int, typer.Option(help="interactions in batches of 500")] = 200_000,
    singles: Annotated[int, typer.Option(help="interactions one by one")] = 20_000,
    raw: Annotated[bool, typer.Option(help="measure the bare engine too")] = True,
    work: Annotated[Path | None, typer.Option(help="folder for the data")] = None,
    cores: Annotated[int, typer.Option(min=1, help="cores that everything shares")] = 2,
) -> None:
    """Send interactions to a server, then append the same to the bare engine."""
    use_cores(cores)
    until = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="tocsin-ingestion-", dir=work) as name:
        folder = Path(name)
        sent = list(_send(folder, _plans(rows, small, singles), until))
        for repetition in sent:
            print(_described(repetition))
        for plan in sent if raw else ():
            if plan.size > 1:
                _append(folder, plan, until)


def _plans(rows: int, small: int, singles: int) -> list[Plan]:
    first, second = rows, rows + small
    plans = (
        Plan(5_000, 4, range(first)),
        Plan(500, 4, range(first, second)),
        Plan(1, 64, range(second, second + singles)),
    )
    return [plan for plan in plans if plan.rows]


def _send(folder: Path, plans: Sequence[Plan], until: datetime) -> Iterator[Ingestion]:
    file = folder / "interactions.ndjson"
    chunks = data.generate(plans[-1].rows.stop, SEED, until)
    ends = np.concatenate(list(data.write_ndjson(file, chunks)))
    with serve(folder / "tocsin", folder / "tocsin.log") as server:
        for plan in plans:
            yield ingest(server.address, server.key, file, ends, plan)
            wait_until_quiet(server.process.pid)
        _say_memory(server)


def _append(folder: Path, sent: Ingestion, until: datetime) -> None:
    whole = sent.rows // data.CHUNK * data.CHUNK or data.CHUNK
    prepared = list(raw_engine.blocks(data.generate(whole, SEED, until), sent.size))
    for threads in THREADS:
        appended = raw_engine.append(folder / "raw", prepared, sent.size, threads)
        wait_until_quiet()
        ratio = sent.per_second / appended.per_second
        print(
            f"bare engine, blocks of {sent.size:,} by {threads}: "
            f"{appended.per_second:,.0f} a second; Tocsin reaches {ratio:.2f} of it"
        )


def _described(sent: Ingestion) -> str:
    middle, late = (1000 * percentile(sent.latencies, percent) for percent in (50, 99))
    return (
        f"{sent.size:,} a request over {sent.connections}: {sent.per_second:,.0f} a second, "
        f"middle {middle:.0f} ms, 99 of 100 under {late:.0f} ms"
    )


def _say_memory(server: Server) -> None:
    print(f"resident at most {server.memory().peak >> 20} MiB")


if __name__ == "__main__":
    main()
