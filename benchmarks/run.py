"""The whole benchmark, part by part. It tests nothing, but wrong answers end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import parts, report
from benchmarks.bench import Bench
from benchmarks.environment import environment, use_cores
from benchmarks.loading import Rows
from benchmarks.record import Run
from benchmarks.steps import console
from benchmarks.tocsin_server import instant

MOST_COMPARED = 10_000_000


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    typer.run(benchmark)


def benchmark(
    rows: Annotated[int, typer.Option(min=1_000, help="interactions")] = 1_000_000,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("benchmarks/results"),
    work: Annotated[Path | None, typer.Option(help="folder for the data; 3 GB a million")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="keep what was loaded here, and use what is kept")
    ] = None,
    seed: int = 1,
    until: Annotated[datetime | None, typer.Option(help="the newest instant, UTC; now")] = None,
    cores: Annotated[int, typer.Option(min=1, help="cores that everything shares")] = 2,
    with_postgres: Annotated[bool, typer.Option("--postgres/--no-postgres")] = True,
) -> None:
    """Measure Tocsin beside the engine by hand and PostgreSQL by hand, on the same rows; more than
    ten million are measured alone, at several sizes, and need a folder that keeps them."""
    use_cores(cores)
    if rows > MOST_COMPARED:
        if keep is None:
            raise typer.BadParameter("more than ten million interactions need --keep")
        measure_sizes(rows, keep, out)
        return
    newest = (until or datetime.now(UTC)).replace(microsecond=0, tzinfo=UTC)
    # Hard links between what is kept and what is changed need one file system.
    where = keep.parent if keep else work
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=where) as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        kept = keep or folder / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        about = {**environment(folder), "servers": []}
        bench = Bench(Rows(rows, seed, newest), cores, kept, folder, Run(rows, seed, "", about))
        measure(bench, stack, with_postgres)
        for path in report.write(bench.run, out):
            console.print(f"wrote {path}")
        Console().print(report.markdown(bench.run, out), markup=False, soft_wrap=True)


def measure_sizes(rows: int, keep: Path, out: Path) -> None:
    """Load the interactions, then measure, in processes of their own: the engine is opened once in
    each."""
    for module, arguments in (
        ("loading", ["--rows", str(rows)]),
        ("measuring", ["--out", str(out)]),
    ):
        command = [sys.executable, "-m", f"benchmarks.sizes.{module}", "--keep", str(keep)]
        subprocess.run([*command, *arguments], check=True)


def measure(bench: Bench, stack: ExitStack, with_postgres: bool) -> None:
    """All parts, in an order in which none disturbs the next."""
    if bench.run.environment["fileSystem"] == "tmpfs":
        bench.run.notes.append("The data was in memory (tmpfs), so durability cost nothing.")
    parts.load_both(bench, stack, with_postgres)
    bench.run.until = instant(bench.rows.until)
    ids = parts.promote(bench)
    parts.singles(bench, ids)
    parts.asked_again(bench)
    parts.many_together(bench, 100)
    parts.many_beside_postgres(bench)
    parts.many_together(bench, 1_000)
    parts.many_groups(bench)
    parts.mixed_load(bench)
    bench.run.seconds |= bench.steps.seconds
    bench.run.environment["loadAverageAtTheEnd"] = os.getloadavg()[2]
