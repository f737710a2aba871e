"""Webhook receivers for tests: they accept, refuse, redirect, never answer or never finish."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


Behaviour = Callable[[http.server.BaseHTTPRequestHandler], None]


def answering(status: int, **headers: str) -> Behaviour:
    def behave(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("content-length", "0")
        request.end_headers()

    return behave


def never_ending(status: int) -> Behaviour:
    """Answers with a body that ends only when the client closes the connection."""

    def behave(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 65536)
                request.server.sent += 65536  # type: ignore[attr-defined]
        except OSError:
            pass

    return behave


@dataclass
class Receiver:
    """A server on its own port; `behave` may be changed at any time."""

    behave: Behaviour = field(default_factory=lambda: answering(204))
    port: int = 0
    received: list[Received] = field(default_factory=list)

    def start(self) -> None:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if len(body) < int(self.headers["content-length"]):
                    return  # the sender was killed
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(headers, body, time.monotonic()))
                self.body = body
                receiver.behave(self)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", self.port), Handler)
        self._server.sent = 0  # type: ignore[attr-defined]
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def sent(self) -> int:
        """The number of bytes written of endless bodies."""
        return int(self._server.sent)  # type: ignore[attr-defined]


@contextmanager
def receiver(behave: Behaviour | None = None) -> Iterator[Receiver]:
    opened = Receiver(behave or answering(204))
    opened.start()
    try:
        yield opened
    finally:
        opened.stop()


@contextmanager
def deaf() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def wait_for(is_true: Callable[[], object], patience: float = 60) -> None:
    end = time.monotonic() + patience
    while not is_true():
        assert time.monotonic() < end, "this did not become true in time"
        time.sleep(0.01)
