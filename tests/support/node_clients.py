"""Clients that record at several nodes, and go on at another one when a node does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from uuid import uuid4

import httpx2 as httpx

from support.crashing import send_ids
from support.nodes import Node
from support.serving import ADMIN_KEY

RETRY_SECONDS = 0.1
GIVES_UP_AFTER = 60.0


class NodeWriter(threading.Thread):
    """Records batches and single interactions at random nodes until it is ended. Interactions
    without an acknowledgement are sent again with the same ids, mostly to another node."""

    def __init__(self, nodes: Sequence[Node], seed: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[str] = set()
        self.longest_pause = 0.0
        self._nodes = nodes
        self._random = Random(seed)
        self._is_ended = threading.Event()
        self._failure: str | None = None

    def run(self) -> None:
        with httpx.Client(headers={"x-api-key": ADMIN_KEY}, timeout=30, verify=False) as client:
            while not self._is_ended.is_set() and self._failure is None:
                ids = [str(uuid4()) for _ in range(self._random.choice((1, 1, 1, 20, 200)))]
                self._record(client, ids)

    def stop(self) -> None:
        """Record no others than those under way."""
        self._is_ended.set()

    def end(self) -> None:
        """Let the interactions under way be acknowledged; AssertionError for a wrong response."""
        self.stop()
        self.join(timeout=120)
        assert not self.is_alive(), "a writer got no acknowledgement "
        assert self._failure is None, self._failure

    def _record(self, client: httpx.Client, ids: list[str]) -> None:
        began = time.monotonic()
        while self._failure is None and time.monotonic() - began < GIVES_UP_AFTER:
            try:
                response = send_ids(client, ids, self._random.choice(self._nodes).url)
            except httpx.TransportError:
                time.sleep(RETRY_SECONDS)
                continue
            if response.is_success:
                self.acknowledged.update(ids)
                self.longest_pause = max(self.longest_pause, time.monotonic() - began)
                return
            if response.status_code != 503 or "retry-after" not in response.headers:
                self._failure = f"{response.status_code} {response.headers}: {response.text}"
            time.sleep(RETRY_SECONDS)
        self._failure = self._failure or f"no acknowledgement for {GIVES_UP_AFTER:.0f} s"


@contextmanager
def node_writers(nodes: Sequence[Node], seeds: Iterable[int]) -> Iterator[Sequence[NodeWriter]]:
    """A writer for each seed, which writes until the end of the block."""
    writers = [NodeWriter(nodes, seed) for seed in seeds]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop()
    for writer in writers:
        writer.end()


def acknowledged_by(writers: Iterable[NodeWriter]) -> set[str]:
    """The ids that any of the writers got an acknowledgement for."""
    return set().union(*(writer.acknowledged for writer in writers))
