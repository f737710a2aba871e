"""Loads the interactions into both systems, and measures the loading.

`--keep FOLDER` keeps the loaded data and its measurements for later runs. They never change: parts
that write get a copy made of hard links.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from benchmarks import data, postgres
from benchmarks.load import Ingestion, Plan, ingest
from benchmarks.steps import Steps
from benchmarks.tocsin_server import Memory, serve, wait_until_quiet


@dataclass(frozen=True, slots=True)
class Rows:
    """Which interactions: equal ones make equal interactions."""

    count: int
    seed: int
    until: datetime

    def chunks(self) -> Iterator[data.Rows]:
        return data.generate(self.count, self.seed, self.until)


@dataclass
class Loaded:
    """The measurements of loading one system at the time `at`."""

    rows: Rows
    at: datetime
    ingestion: list[Ingestion] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)


class OtherRowsError(Exception):
    """The folder to keep things in holds other interactions: name another one, or remove it."""


def load(folder: Path, name: str, requested: Rows, make: Callable[[Path], Loaded]) -> Loaded:
    """The content of a folder that is kept, or the result of `make` on a new one."""
    note = folder / f"{name}.json"
    if note.exists():
        loaded = msgspec.json.decode(note.read_bytes(), type=Loaded)
        if (loaded.rows.count, loaded.rows.seed) != (requested.count, requested.seed):
            raise OtherRowsError(str(OtherRowsError.__doc__))
        return loaded
    shutil.rmtree(folder / name, ignore_errors=True)  # of a run that was broken off
    loaded = make(folder / name)
    note.write_bytes(msgspec.json.encode(loaded))
    return loaded


def load_tocsin(data_dir: Path, rows: Rows, at: datetime) -> Loaded:
    """Everything over HTTP: most of it in batches of 5,000, then of 500, the rest one by one."""
    loaded, steps = _begun(rows, at)
    file = data_dir.parent / "interactions.ndjson"
    with steps.step("write the interactions as NDJSON"):
        ends = np.concatenate(list(data.write_ndjson(file, rows.chunks())))
    with serve(data_dir, data_dir.parent / "tocsin.log") as server:
        for plan in _plans(rows.count):
            sizes = f"{len(plan.rows):,} interactions, {plan.size:,} a request"
            with steps.step(f"send {sizes}"):
                loaded.ingestion.append(ingest(server.address, server.key, file, ends, plan))
            with steps.step(f"merges after requests of {plan.size:,}"):
                wait_until_quiet(server.process.pid)
        loaded.memory["while interactions came in"] = server.memory()
    file.unlink()
    return loaded


def _begun(rows: Rows, at: datetime) -> tuple[Loaded, Steps]:
    steps = Steps()
    return Loaded(rows, at, seconds=steps.seconds), steps


def _plans(rows: int) -> tuple[Plan, ...]:
    singles, small = min(20_000, rows // 20), min(200_000, rows // 5)
    first, second = rows - singles - small, rows - singles
    return (
        Plan(5_000, 4, range(first)),
        Plan(500, 4, range(first, second)),
        Plan(1, 64, range(second, rows)),
    )


def load_postgres(home: Path, rows: Rows, at: datetime, cores: int) -> Loaded:
    """COPY, then the indexes."""
    loaded, steps = _begun(rows, at)
    with postgres.cluster(home, cores) as connection:
        with steps.step("PostgreSQL: make the rows again and copy them"):
            loaded.seconds["PostgreSQL: COPY alone"] = postgres.load(connection, rows.chunks())
        for name, statements in postgres.PREPARATION.items():
            with steps.step(f"PostgreSQL: {name}"):
                for statement in statements:
                    connection.execute(statement)
        loaded.disk["PostgreSQL, with its indexes"] = postgres.disk_bytes(connection)
    return loaded
