"""The demo's webhook receiver: a page that lists the notifications of alerts, newest first.

It is an example of a receiver: it verifies signatures by Standard Webhooks, answers 204, and
ignores repeated messages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_BYTES = 1024 * 1024
KEPT = 50

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>Notifications</title><style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
li {{ list-style: none; padding: .6rem .8rem; margin: .5rem 0; border-left: 4px solid #8884 }}
.fired, .bundle, .reminder {{ border-color: #d33 }}
.recovered {{ border-color: #2a7 }} small {{ opacity: .7 }}
</style><h1>Notifications</h1><p>Webhooks of the demo's alerts, newest first.</p>
<ul style="padding:0">{items}</ul>"""
_EMPTY = "<li>No notifications yet. A payment gateway fails every two minutes.</li>"


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """The shown parts of a webhook."""

    id: str
    event: str
    title: str
    happened: str
    groups: tuple[str, ...] = ()


class Receiver:
    """Keeps received messages without repeats; thread-safe."""

    def __init__(self) -> None:
        self.key = secrets.token_bytes(24)
        self.url = ""
        self._messages: dict[str, ReceivedMessage] = {}
        self._changing = threading.Lock()

    @property
    def secret(self) -> str:
        return f"whsec_{base64.b64encode(self.key).decode()}"

    def messages(self) -> list[ReceivedMessage]:
        """The messages, newest first."""
        with self._changing:
            return list(reversed(self._messages.values()))

    def add(self, message: ReceivedMessage) -> None:
        with self._changing:
            self._messages.setdefault(message.id, message)
            while len(self._messages) > KEPT:
                del self._messages[next(iter(self._messages))]

    def is_signed(self, headers: Any, body: bytes) -> bool:
        parts = [headers.get(f"webhook-{name}", "").encode() for name in ("id", "timestamp")]
        digest = hmac.new(self.key, b".".join([*parts, body]), hashlib.sha256).digest()
        expected = f"v1,{base64.b64encode(digest).decode()}"
        return expected in headers.get("webhook-signature", "").split()

    def page(self) -> str:
        return _PAGE.format(items="".join(map(_item, self.messages())) or _EMPTY)


def _item(message: ReceivedMessage) -> str:
    kind, title, happened = map(
        escape, (message.event.rpartition(".")[2], message.title, message.happened)
    )
    groups = "".join(f"{escape(group)}<br>" for group in message.groups)
    return f'<li class="{kind}"><strong>{title}</strong><br>{groups}<small>{happened}</small></li>'


def _groups_of(data: Mapping[str, Any]) -> Iterator[str]:
    """The groups that a bundle names: `Password guessing, ZA: exceeded`."""
    for group in (data.get("interaction") or {}).get("groups", ()):
        names = [group["alertTitle"], *filter(None, group["dimensions"].values())]
        yield f"{', '.join(names)}: {group['status']}"


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, receiver.page().encode())

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > MAX_BYTES:
                self._answer(413)
                return
            body = self.rfile.read(length)
            if not receiver.is_signed(self.headers, body):
                self._answer(401)
                return
            content = json.loads(body)
            id = self.headers["webhook-id"]
            message = ReceivedMessage(
                id,
                content["type"],
                content["title"],
                content["timestamp"],
                tuple(_groups_of(content.get("data") or {})),
            )
            receiver.add(message)
            self._answer(204)

        def _answer(self, status: int, page: bytes = b"") -> None:
            self.send_response(status)
            if page:
                self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: Any) -> None:
            """Logs nothing."""

    return Handler
