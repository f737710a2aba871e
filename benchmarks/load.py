"""How many interactions a second does the server take, and how long does a sender wait?

The bodies stand ready in a file before the clock starts. Senders are processes of their own, so
neither encoding nor this process's GIL is in the figures.
"""

from __future__ import annotations

import json
import mmap
import select
import time
from collections.abc import Iterator
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
    """What sending came to: how many interactions, in what time, and each request's latency."""

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
    """What one process sends: a list of bodies for each of its connections."""

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
    bodies = plan.bodies(line_ends)
    lanes = [bodies[lane :: plan.connections] for lane in range(plan.connections)]
    processes = min(PROCESSES, plan.connections)
    shares = [
        _Share(address, key, file, plan.size == 1, lanes[process::processes])
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
    ):
        lanes = [_Lane(share, content, bodies) for bodies in share.bodies]
        start.wait(STARTED_WITHIN)
        return _drive(lanes)


class _Lane:
    """One connection, whose bodies are sent one after the other, each when the one before has been
    answered."""

    def __init__(self, share: _Share, content: memoryview, bodies: list[Span]) -> None:
        self.connection = Connection(share.address, share.key)
        self._single = share.single
        self._path = "/api/interactions" if share.single else "/api/interactions/batch"
        self._kind = JSON if share.single else NDJSON
        self._content = content
        self._left = iter(bodies)
        self.accepted = 0
        self.latencies: list[float] = []
        self._sent_at = 0.0

    def send_next(self) -> bool:
        """Whether anything was left to send."""
        span = next(self._left, None)
        if span is None:
            return False
        self._sent_at = time.monotonic()  # the same clock in every process
        with self._content[slice(*span)] as body:
            self.connection.send("POST", self._path, body, self._kind)
        return True

    def receive(self) -> None:
        status, answer = self.connection.receive()
        self.latencies.append(time.monotonic() - self._sent_at)
        if status != 201:
            said = answer[:500].decode(errors="replace")
            raise RuntimeError(f"{self._path} answered {status}: {said}")
        self.accepted += 1 if self._single else int(json.loads(answer)["accepted"])


def _drive(lanes: list[_Lane]) -> _Sent:
    """All lanes in one thread: a thread for each would wait for the GIL more than for the server.
    Bodies of many kilobytes have a process each, so writing one keeps no other lane waiting."""
    first = time.monotonic()
    with select.epoll() as answers:
        waiting = {}
        for lane in lanes:
            if lane.send_next():
                waiting[lane.connection.fileno()] = lane
                answers.register(lane.connection, select.EPOLLIN)
        while waiting:
            for descriptor, _ in answers.poll():
                lane = waiting[descriptor]
                lane.receive()
                if not lane.send_next():
                    answers.unregister(descriptor)
                    del waiting[descriptor]
    latencies = [latency for lane in lanes for latency in lane.latencies]
    return _Sent(sum(lane.accepted for lane in lanes), first, time.monotonic(), latencies)
