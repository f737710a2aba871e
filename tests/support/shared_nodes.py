"""Nodes of one process on the same servers, each with its own application."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from support.deployments import settings_in
from support.serving import ADMIN_KEY
from tocsin.api.app import create_app
from tocsin.runtime import Runtime
from tocsin.web.app import add_pages


class Node:
    """`client` has the admin key."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        runtime.key_service.adopt(runtime.settings.admin_key)
        self.app = create_app(runtime)
        add_pages(self.app, runtime)
        self.client = self.as_key(ADMIN_KEY)

    def as_key(self, secret: str) -> TestClient:
        return TestClient(self.app, headers={"x-api-key": secret}, raise_server_exceptions=False)

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of the response to a request below `/api`, which must have this status."""
        answer = self.client.request(method, f"/api/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


@contextmanager
def shared_nodes(folder: Path, **settings: Any) -> Iterator[tuple[Node, Node]]:
    """Two nodes on the servers of a folder; the first one is the leader."""
    chosen = settings_in(folder, admin_key=ADMIN_KEY, **settings)
    with ExitStack() as stack:
        runtimes = [Runtime(chosen) for _ in range(2)]
        for runtime in runtimes:
            stack.callback(runtime.close)
        yield Node(runtimes[0]), Node(runtimes[1])


def within(seconds: float, is_true: Callable[[], bool]) -> bool:
    """Whether a condition is true before some seconds have passed."""
    end = time.monotonic() + seconds
    while not is_true() and time.monotonic() < end:
        time.sleep(0.02)
    return is_true()
