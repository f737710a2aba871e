"""A client that speaks HTTP badly on purpose: it sends bytes when and as a test wants."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from support.serving import Server


class RawClient:
    """One connection to a server."""

    def __init__(self, server: Server, patience: float = 60) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=patience)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it, or as much as the server takes before it closes the connection."""
        with suppress(ConnectionError):
            self.socket.sendall(data)

    def answer(self) -> bytes:
        """Everything that the server sends until it closes the connection."""
        received = b""
        with suppress(ConnectionError):
            while data := self.socket.recv(65536):
                received += data
        return received

    def status(self) -> int | None:
        """The status of the answer; None where the server closes without one."""
        answer = self.answer()
        return int(answer.split(b" ", 2)[1]) if answer else None


def trickle(client: RawClient, pieces: Iterable[bytes], pause: float) -> None:
    """Send piece after piece with a pause between them, until all are sent or nobody takes them."""
    for piece in pieces:
        try:
            client.socket.sendall(piece)
        except OSError:
            return
        time.sleep(pause)
