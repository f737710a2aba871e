"""Measures durable appends of the bare engine.

The same table, settings and blocks as Tocsin uses for its requests, prepared before the clock
starts, and appended by one thread or several.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
import numpy as np
import pyarrow as pa

from benchmarks.data import ACTIONS, ORIGINS, RESOURCE_TYPES, Rows
from tocsin.clickhouse.arrow import COLUMNS
from tocsin.clickhouse.schema import SCHEMA
from tocsin.clickhouse.settings import APPEND_SETTINGS
from tocsin.clickhouse.sql.table import INTERACTIONS


@dataclass(frozen=True, slots=True)
class Appended:
    """The rate of appending blocks of `rows` rows by `threads` threads."""

    size: int
    threads: int
    rows: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.rows / self.seconds


def blocks(chunks: Iterator[Rows], size: int) -> Iterator[bytes]:
    """The interactions as Arrow streams of `size` rows each; a chunk is a multiple of it."""
    rng = np.random.default_rng(1)
    number = 0
    for rows in chunks:
        table = _table(rows, number, rng)
        number += len(table)
        for batch in table.to_batches(max_chunksize=size):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, COLUMNS) as stream:
                stream.write_batch(batch)
            yield sink.getvalue().to_pybytes()


def append(folder: Path, prepared: Sequence[bytes], size: int, threads: int) -> Appended:
    """Append every block, each thread taking the next one that is left."""
    clients = [_client(folder) for _ in range(threads)]
    clients[0].command(f"DROP TABLE IF EXISTS {INTERACTIONS} SYNC")
    clients[0].command(SCHEMA)
    left, taking = iter(prepared), threading.Lock()

    def work(client: Any) -> None:
        while True:
            with taking:
                block = next(left, None)
            if block is None:
                return
            client.raw_insert(INTERACTIONS, COLUMNS.names, block, fmt="ArrowStream")

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, clients))
    seconds = time.perf_counter() - began
    rows = int(clients[0].command(f"SELECT count() FROM {INTERACTIONS}"))
    if rows != size * len(prepared):
        raise RuntimeError(f"{rows:,} of {size * len(prepared):,} interactions were stored.")
    for client in clients:
        client.close()
    return Appended(size, threads, rows, seconds)


def _client(folder: Path) -> Any:
    client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
    for name, value in APPEND_SETTINGS.items():
        client.set_client_setting(name, value)
    return client


def _table(rows: Rows, number: int, rng: np.random.Generator) -> pa.Table:
    count = len(rows.payload)
    nothing = pa.nulls(count, pa.string())
    empty = pa.array([[]] * count, pa.list_(pa.string()))
    types, actions, origins = (
        _ids(kind, codes) for kind, codes in zip("tao", rows.codes, strict=True)
    )
    columns = {
        "interactionId": _uuids(rng.bytes(16 * count)),
        "interactionNumber": pa.array(range(number, number + count), pa.uint64()),
        "resourceTypeId": types,
        "actionId": actions,
        "originId": origins,
        "resourceId": rows.resource_id,
        "timestamp": rows.timestamp.cast(pa.timestamp("ms", "UTC")),
        "uowId": _uuids(rng.bytes(16 * count)),
        "userId": rows.user_id,
        "externalReference": nothing,
        "externalResponse": pa.array([b""] * count, pa.binary()),
        "bigIntegers": empty,
        "hollowObjects": empty,
        "raw": rows.payload.cast(pa.binary()),
    }
    return pa.table([columns[name] for name in COLUMNS.names], schema=COLUMNS)


def _uuids(content: bytes) -> pa.Array:
    return pa.Array.from_buffers(pa.binary(16), len(content) // 16, [None, pa.py_buffer(content)])


def _ids(kind: str, codes: pa.Array) -> pa.Array:
    """An id for each code, as the catalog would have given one."""
    most = max(len(RESOURCE_TYPES), len(ACTIONS), len(ORIGINS))
    rng = np.random.default_rng([ord(kind), most])
    ids = pa.array([rng.bytes(16) for _ in range(most)], pa.binary(16))
    return ids.take(codes.cast(pa.int32()))
