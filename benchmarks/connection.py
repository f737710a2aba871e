"""One kept-alive HTTP/1.1 connection that costs little CPU.

`http.client` spends 0.2 ms on a request and httpx 0.7 ms, a large share of a measurement of 3 ms.
This client reads only responses with a Content-Length, which are all that the benchmark needs.
"""

from __future__ import annotations

import socket
import time
from typing import Self

Address = tuple[str, int]
JSON = "application/json"
NDJSON = "application/x-ndjson"
# The server closes a connection that sends no request for 10 s, and an idle one after 75 s.
IDLE_SECONDS = 5


class Connection:
    """Sends a request and waits for its answer; one at a time."""

    def __init__(self, address: Address, key: str, timeout: float = 300) -> None:
        self._address, self._timeout = address, timeout
        self._socket = self._connected()
        self._headers = f"Host: {address[0]}:{address[1]}\r\nx-api-key: {key}\r\n"

    def request(
        self, method: str, path: str, body: bytes | memoryview = b"", content_type: str = JSON
    ) -> tuple[int, bytes]:
        """The status and the body of the answer; OSError if the connection breaks."""
        self._send(method, path, memoryview(body), content_type)
        return self._answer()

    def begin(self, method: str, path: str) -> bytes:
        """The first bytes of the answer's body, which may have any length; the connection can only
        be closed then."""
        self._send(method, path, memoryview(b""), JSON)
        received = self._receive()
        while b"\r\n\r\n" not in received or received.endswith(b"\r\n\r\n"):
            received += self._receive()
        return received.partition(b"\r\n\r\n")[2]

    def _send(self, method: str, path: str, content: memoryview, content_type: str) -> None:
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._socket.close()
            self._socket = self._connected()
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._headers}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        ).encode()
        if len(content) < 4096:
            self._socket.sendall(head + content)
        else:
            self._socket.sendall(head)
            self._socket.sendall(content)

    def _connected(self) -> socket.socket:
        connected = socket.create_connection(self._address, self._timeout)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._used = time.monotonic()
        return connected

    def _answer(self) -> tuple[int, bytes]:
        received = self._receive()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, body = received[:end].lower(), received[end + 4 :]
        status = int(head[9:12])
        length = _content_length(head)
        while len(body) < length:
            body += self._receive()
        self._used = time.monotonic()
        return status, body

    def _receive(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("The server closed the connection before it had answered.")
        return data

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    if int(head[9:12]) == 204:
        return 0
    raise ConnectionError(f"This answer has no Content-Length: {head.decode('latin-1')}")
