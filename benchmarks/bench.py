"""The state that the parts of a run share: the rows, the folders, both systems, the results."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.copies import freeze
from benchmarks.loading import Rows
from benchmarks.record import Run
from benchmarks.steps import Steps
from benchmarks.tocsin_server import Server, serve

Connection = psycopg.Connection[Any]


@dataclass
class Bench:
    """`kept` is never changed once it is loaded; everything in `folder` is gone afterwards."""

    rows: Rows
    cores: int
    kept: Path
    folder: Path
    run: Run
    steps: Steps = field(default_factory=Steps)
    postgres: Connection | None = None

    @property
    def data_dir(self) -> Path:
        return self.folder / "tocsin"

    @contextmanager
    def serving(self, data_dir: Path | None = None) -> Iterator[Server]:
        """A server that has just been started."""
        with serve(data_dir or self.data_dir, self.folder / "tocsin.log") as server:
            self.run.ready_after.append(server.ready_after)
            yield server

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part of the run, timed."""
        with self.steps.step(name):
            yield

    def fresh_copy(self, name: str) -> Path:
        """A copy of the loaded data, which a part may change."""
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        return freeze(self.kept / "tocsin", target)
