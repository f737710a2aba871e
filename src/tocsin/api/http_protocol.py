"""Limits the costs of a connection: time to send a request, bytes of a head, number of connections.

Uvicorn's protocol waits for a request without a deadline, holds a head of any length, and accepts
connections until the process has no descriptor left for the engine. A connection counts its own
ticks, one a second, so that a request needs no timer and no reading of the clock.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tocsin.api.problems import problem
from tocsin.api.telemetry import HEADERS
from tocsin.errors import (
    HeadTooLarge,
    MalformedRequest,
    RequestTimeout,
    TocsinError,
    TooManyConnections,
)
from tocsin.model.ceilings import HEAD_BYTES
from tocsin.process.log_config import ThrottledLog

log = ThrottledLog()

HEAD_SECONDS = 10
# The pace of a body: a sender that falls this many seconds behind it is closed.
BODY_BYTES_PER_SECOND = 1024
BODY_SECONDS_BEHIND = 20
# A client that reads nothing of its response for this long is closed.
READ_SECONDS = 60
# A refused client may go on sending for this long: closing earlier resets the connection, and the
# client would lose the response.
LINGER_SECONDS = 2
# Connections over the limit that are kept open until their request, which is answered with 503.
REFUSALS = 32


class _Phase(Enum):
    HEAD = auto()
    BODY = auto()
    # A whole request was read: it is being answered, or the connection is kept alive.
    READ = auto()
    REFUSED = auto()


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, with a deadline for each part of a request and a limit for its head."""

    def __init__(self, *args: Any, max_connections: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._max_connections = max_connections
        self._phase = _Phase.HEAD
        self._seconds = 0
        # Bytes that the sender of a body lags behind its pace.
        self._behind = 0
        # Bytes since the parser last completed a head, a piece of a body or a message. It may hold
        # them in memory, and copies an unfinished header once for each piece of it.
        self._pending = 0
        self._has_progressed = False
        # Bytes of the response that wait for the client, and seconds since it last read any.
        self._unwritten = 0
        self._stalled = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        surplus = len(self.connections) - self._max_connections
        if surplus <= 0:
            return
        log.warning("connection refused", reason="too many", connections=len(self.connections))
        if surplus > REFUSALS:
            self._refuse(TooManyConnections())
            transport.close()
        else:
            self.app = _refuse_request

    def data_received(self, data: bytes) -> None:
        while data and self._phase is not _Phase.REFUSED and self.parser is not None:
            piece = data[: HEAD_BYTES - self._pending]
            data = data[len(piece) :]
            self._feed(piece)

    def _feed(self, piece: bytes) -> None:
        """Parse at most as many bytes as a head may still have."""
        if self._phase is _Phase.READ:
            self._begin(_Phase.HEAD)
        self._has_progressed = False
        super().data_received(piece)
        self._pending = 0 if self._has_progressed else self._pending + len(piece)
        if self._pending >= HEAD_BYTES:
            self._refuse(HeadTooLarge())

    def on_message_begin(self) -> None:
        if self._phase is _Phase.READ:
            self._begin(_Phase.HEAD)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._begin(_Phase.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_progressed = True
        self._behind -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._begin(_Phase.READ)
        super().on_message_complete()

    def _begin(self, phase: _Phase) -> None:
        self._phase = phase
        self._seconds = 0
        self._behind = 0
        self._has_progressed = True

    def send_400_response(self, msg: str) -> None:
        self._refuse(MalformedRequest(msg))

    def tick(self) -> None:
        """Called once a second: closes a connection that exceeds one of its deadlines."""
        self._seconds += 1
        if self._phase is _Phase.REFUSED:
            if self._seconds > LINGER_SECONDS:
                self.transport.abort()
        elif self._reads_too_slowly():
            self.transport.abort()
        elif not self._sends_too_slowly():
            return
        elif self._phase is _Phase.HEAD and not self._pending:
            # Browsers open connections ahead of requests, and would show the error later.
            self.transport.close()
        else:
            log.warning("request timed out", phase=self._phase.name.lower())
            self._refuse(RequestTimeout())

    def _sends_too_slowly(self) -> bool:
        cycle = self.cycle
        if self._phase is _Phase.HEAD:
            is_answering = cycle is not None and not cycle.response_complete
            return self._seconds > HEAD_SECONDS and not is_answering
        # While reading is paused, or before the server sends 100 Continue, the client is not late.
        if (
            self._phase is not _Phase.BODY
            or self.flow.read_paused
            or cycle.waiting_for_100_continue
        ):
            return False
        # Early bytes are no credit: a sender must not pause for hours after a burst.
        self._behind = max(self._behind, 0) + BODY_BYTES_PER_SECOND
        return self._behind > BODY_BYTES_PER_SECOND * BODY_SECONDS_BEHIND

    def _reads_too_slowly(self) -> bool:
        """Whether the client has read nothing of a waiting response for READ_SECONDS."""
        unwritten = self.transport.get_write_buffer_size()
        if not unwritten or unwritten != self._unwritten:
            self._unwritten, self._stalled = unwritten, 0
            return False
        self._stalled += 1
        return self._stalled > READ_SECONDS

    def _refuse(self, error: TocsinError) -> None:
        """Answer with an error unless a response has begun; nothing more is read as a request."""
        cycle = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        has_answered = cycle is not None and cycle.response_started
        is_for_this = self._phase is _Phase.BODY or is_answering
        if not (has_answered and is_for_this) and not self.transport.is_closing():
            self.transport.write(_encoded(problem(error), self.server_state.default_headers))
        if is_answering:
            # The application sees a client that disconnected.
            cycle.disconnected = True
            cycle.message_event.set()
        self._unset_keepalive_if_required()
        self._phase, self._seconds = _Phase.REFUSED, 0
        self.flow.resume_reading()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()


async def _refuse_request(scope: Any, receive: Any, send: Any) -> None:
    await _closing(problem(TooManyConnections()))(scope, receive, send)


def _closing(response: Response) -> Response:
    response.headers["connection"] = "close"
    return response


def _encoded(response: Response, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """The bytes of an HTTP/1.1 response that closes the connection."""
    headers = [*default_headers, *_closing(response).raw_headers, *HEADERS]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    return b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)])
