"""Loads the interactions of `years` into a data folder, in process, and freezes it at each size.

    python -m benchmarks.sizes.loading --rows 100000000 --keep FOLDER

It goes on where it ended: the number of recorded interactions is its position. The blocks of the
newest month go to the committer as rows, one in twenty of them through the parser, as batches of
senders do; each is one part. The engine copies the months before. A line of `loading.ndjson` for
each million has the times, the memory, the parts and the bytes.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import data
from benchmarks.copies import freeze
from benchmarks.sizes import copying, years
from tocsin.clickhouse.sql.query import Query
from tocsin.config import Settings
from tocsin.ingestion.outcomes import Outcome
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.runtime import Runtime

SEED = 20
SIZES = (1_000_000, 10_000_000, 100_000_000)
PARSED = 20
BATCH = 5_000
MOST_BYTES = 35 << 30
_PARTS = Query("SELECT countIf(active), count() FROM system.parts WHERE table = 'interactions'")
_MERGES = Query("SELECT count() FROM system.merges")


def main(
    rows: Annotated[int, typer.Option(help="interactions, in millions")],
    keep: Annotated[Path, typer.Option(help="folder of the sizes")],
) -> None:
    """Load until the folder has this number of interactions."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    load(keep, rows, ended)


def load(keep: Path, rows: int, ended: list[int]) -> None:
    """Load, and freeze the folder at each size; returns early when `ended` is filled."""
    for size in (*[size for size in SIZES if size < rows], rows):
        if not (keep / str(size)).exists():
            with Loader(keep) as loader:
                loader.load(size, ended)
            if ended:
                return
            freeze(keep / "loading", keep / f"{size}.new")
            (keep / f"{size}.new").rename(keep / str(size))


def newest_instant(keep: Path) -> datetime:
    """The instant of the newest interaction: that of the first start of the loading."""
    keep.mkdir(parents=True, exist_ok=True)
    note = keep / "until"
    if not note.exists():
        note.write_text(datetime.now(UTC).replace(microsecond=0).isoformat())
    return datetime.fromisoformat(note.read_text())


class Loader:
    def __init__(self, keep: Path) -> None:
        self._keep = keep
        self._until = newest_instant(keep)
        settings = Settings(data_dir=keep / "loading", log_level="warning")
        self._runtime = Runtime(settings)
        self._ids = {
            kind: {entry.mnemonic: entry.id.bytes for entry in self._entries(kind, names)}
            for kind, names in _NAMES.items()
        }

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self._runtime.close()

    def load(self, rows: int, ended: list[int]) -> None:
        """Record the newest month, then add the months before."""
        meter = _Meter(self._runtime, self._keep)
        self._record(ended)
        if not ended:
            copying.merge_month(self._runtime.engine)
            meter.note(years.MONTH)
        if rows > years.MONTH and not ended:
            for recorded in copying.copy_months(self._runtime.engine, rows):
                meter.note(recorded)
                if ended:
                    return

    def _record(self, ended: list[int]) -> None:
        """Record the blocks that are missing; the next is generated while one is appended."""
        recorded = sum(self._runtime.engine.rows_by_month().values())
        waiting: Future[Any] | None = None
        for number in range(recorded // years.BLOCK, years.MONTH // years.BLOCK):
            if ended:
                break
            block = years.block(SEED, self._until, number)
            interactions = list(self._interactions(block))
            _require_recorded(waiting)
            waiting = None
            if number % PARSED:
                waiting = self._runtime.committer.submit(interactions)
            else:
                self._parse(block)
        _require_recorded(waiting)

    def _entries(self, kind: Kind, names: Any) -> Any:
        return self._runtime.catalog.ensure_all(kind, list(names), self._runtime.now())

    def _interactions(self, block: years.Block) -> Iterator[Interaction]:
        rows = block.rows
        scope = [
            [self._ids[kind][name] for name in column.to_pylist()]
            for kind, column in zip(
                _NAMES, (rows.resource_type, rows.action, rows.origin), strict=True
            )
        ]
        columns = zip(
            *scope, rows.resource_id.to_pylist(), block.instants, block.payloads(),
            rows.user_id.to_pylist(), strict=True,
        )  # fmt: skip
        for row, (kind, action, origin, resource, instant, payload, user) in enumerate(columns):
            unit = block.uow_ids[row // years.UNIT_OF_WORK]
            given = block.given_ids.get(row, b"")
            yield Interaction(
                given,
                kind,
                action,
                origin,
                resource,
                instant,
                payload,
                b"",
                unit,
                user,
                None,
                (),
                (),
            )

    def _parse(self, block: years.Block) -> None:
        """Record a block as batches of a sender."""
        lines = [line.rstrip() for line in block.lines()]
        request = RequestContext(to_milliseconds(self._runtime.now()))
        for first in range(0, years.BLOCK, BATCH):
            batch = lines[first : first + BATCH]
            result = self._runtime.recorder.record_batch(batch, request)
            if result.accepted != len(batch):
                raise RuntimeError(f"{result.accepted} of {len(batch)} were accepted.")


_NAMES = {
    Kind.RESOURCE_TYPE: data.RESOURCE_TYPES,
    Kind.ACTION: data.ACTIONS,
    Kind.ORIGIN: data.ORIGINS,
}


def _require_recorded(waiting: Future[Any] | None) -> None:
    if waiting and any(outcome is not Outcome.RECORDED for outcome in waiting.result()):
        raise RuntimeError("Some interactions were not recorded.")


class _Meter:
    def __init__(self, runtime: Runtime, keep: Path) -> None:
        self._runtime = runtime
        self._log = keep / "loading.ndjson"
        self._folder = keep / "loading"
        self._wall, self._used = time.monotonic(), time.process_time()

    def note(self, rows: int) -> None:
        """Write a line about the last million; RuntimeError if the folder is too large."""
        wall, used = time.monotonic(), time.process_time()
        engine = self._runtime.engine
        size = _bytes_of(self._folder)
        ((active, all_parts),) = engine.unlimited_clients.query(_PARTS)
        ((merges,),) = engine.unlimited_clients.query(_MERGES)
        line = {
            "rows": rows,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(wall - self._wall, 1),
            "processor": round(used - self._used, 1),
            "resident": _resident(),
            "activeParts": active,
            "allParts": all_parts,
            "merges": merges,
            "activeBytes": engine.bytes_on_disk(),
            "folderBytes": size,
        }
        with self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        self._wall, self._used = wall, used
        if size > MOST_BYTES:
            raise RuntimeError(f"The folder has {size:,} bytes.")


def _bytes_of(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    typer.run(main)
