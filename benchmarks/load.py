"""Measures the rate of ingestion and the latency of its requests.

The bodies are in a file before the clock starts. Senders are processes of their own, with a
blocking connection in each thread, so that the figures contain neither encoding nor the GIL of this
process.
"""

from __future__ import annotations

import json
import mmap
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.connection import JSON, NDJSON, Address, Connection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROCESSES = 4
STARTED_WITHIN = 60.0  # seconds
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a part of the file is sent: `size` interactions a request, over `connections`."""

    size: int
    connections: int
    rows: range

    def bodies(self, line_ends: NDArray[np.int64]) -> list[Span]:
        """Where in the file each request's body begins and ends."""
        edges = [*range(self.rows.start, self.rows.stop, self.size), self.rows.stop]
        at = [int(line_ends[edge - 1]) if edge else 0 for edge in edges]
        return list(pairwise(at))


@dataclass(frozen=True, slots=True)
class Ingestion:
    """The number of interactions that were sent, the time, and the latency of each request."""

    size: int
    connections: int
    rows: int
    seconds: float
    latencies: list[float] = field(repr=False)

    @property
    def per_second(self) -> float:
        return self.rows / self.seconds


@dataclass(frozen=True, slots=True)
class _Share:
    """The bodies that one process sends: a list for each of its connections."""

    address: Address
    key: str
    file: Path
    single: bool
    bodies: list[list[Span]]


@dataclass(frozen=True, slots=True)
class _Sent:
    accepted: int
    first: float
    last: float
    latencies: list[float]


def ingest(
    address: Address, key: str, file: Path, line_ends: NDArray[np.int64], plan: Plan
) -> Ingestion:
    """Send the plan's rows; RuntimeError if the server did not accept every single one."""
    return ingest_at([address], key, file, line_ends, plan)


def ingest_at(
    addresses: Sequence[Address], key: str, file: Path, line_ends: NDArray[np.int64], plan: Plan
) -> Ingestion:
    """`ingest` at several nodes, which have an equal number of the connections each. All senders
    begin together, and are as many processes as with one node, so that the figures compare."""
    bodies = plan.bodies(line_ends)
    lanes = [bodies[lane :: plan.connections] for lane in range(plan.connections)]
    processes = min(PROCESSES, plan.connections)
    shares = [
        _Share(
            addresses[process % len(addresses)],
            key,
            file,
            plan.size == 1,
            lanes[process::processes],
        )
        for process in range(processes)
    ]
    sent = list(_run(shares))
    if (accepted := sum(each.accepted for each in sent)) != len(plan.rows):
        raise RuntimeError(f"{accepted:,} of {len(plan.rows):,} interactions were accepted.")
    seconds = max(each.last for each in sent) - min(each.first for each in sent)
    latencies = [latency for each in sent for latency in each.latencies]
    return Ingestion(plan.size, plan.connections, len(plan.rows), seconds, latencies)


def _run(shares: list[_Share]) -> Iterator[_Sent]:
    context = get_context("spawn")  # never fork: the parent may have opened the engine
    start = context.Barrier(len(shares))
    pipes = [context.Pipe(duplex=False) for _ in shares]
    processes = [
        context.Process(target=_send, args=(share, start, pipe), daemon=True)
        for share, (_, pipe) in zip(shares, pipes, strict=True)
    ]
    for process, (_, theirs) in zip(processes, pipes, strict=True):
        process.start()
        theirs.close()
    for process, (ours, _) in zip(processes, pipes, strict=True):
        try:
            sent = ours.recv()
        except EOFError:
            sent = RuntimeError("A sender ended without a word.")
        process.join()
        if isinstance(sent, BaseException):
            raise sent
        yield sent


def _send(share: _Share, start, pipe: Pipe) -> None:  # type: ignore[no-untyped-def]
    """The body of a sending process."""
    try:
        pipe.send(_send_all(share, start))
    except BaseException as error:  # the edge of the process: the parent raises it
        start.abort()
        pipe.send(RuntimeError(f"A sender failed: {error!r}"))


def _send_all(share: _Share, start) -> _Sent:  # type: ignore[no-untyped-def]
    with (
        share.file.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as content,
        ThreadPoolExecutor(len(share.bodies)) as threads,
    ):
        connections = [Connection(share.address, share.key) for _ in share.bodies]
        start.wait(STARTED_WITHIN)
        work = [
            threads.submit(_lane, connection, share.single, content, bodies)
            for connection, bodies in zip(connections, share.bodies, strict=True)
        ]
        done = [each.result() for each in work]
    return _Sent(
        sum(each.accepted for each in done),
        min(each.first for each in done),
        max(each.last for each in done),
        [latency for each in done for latency in each.latencies],
    )


def _lane(connection: Connection, single: bool, content: memoryview, bodies: list[Span]) -> _Sent:
    """Send bodies one after the other, each when the one before has been answered."""
    path = "/api/interactions" if single else "/api/interactions/batch"
    kind = JSON if single else NDJSON
    accepted, latencies = 0, []
    first = now = time.monotonic()  # the same clock in every process
    for begin, end in bodies:
        with content[begin:end] as body:
            status, answer = connection.request("POST", path, body, kind)
        if status != 201:
            raise RuntimeError(f"{path} answered {status}: {answer[:500].decode(errors='replace')}")
        accepted += 1 if single else _accepted(answer)
        before, now = now, time.monotonic()
        latencies.append(now - before)
    return _Sent(accepted, first, now, latencies)


def _accepted(answer: bytes) -> int:
    return int(json.loads(answer)["accepted"])
