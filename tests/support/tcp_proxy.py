"""A proxy in front of a server, which can lose answers and break connections."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class TcpProxy:
    """Forwards connections to a server.

    With `loses_answers`, requests reach the server, and connections break instead of answers; with
    `is_down`, connections break immediately.
    """

    def __init__(self, host: str, port: int) -> None:
        self.loses_answers = False
        self.is_down = False
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> TcpProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for opened in self._sockets:
            _close(opened)
        for thread in (self._thread, *self._threads):
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
                continue
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for source, target, is_answer in ((client, server, False), (server, client, True)):
                thread = threading.Thread(
                    target=self._forward, args=(source, target, is_answer), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _forward(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.is_down or (is_answer and self.loses_answers):
                    break
                target.sendall(data)
        _close(source)
        _close(target)


def _close(opened: socket.socket) -> None:
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
    opened.close()
