"""A real SMTP server that keeps what it receives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP

from tocsin.model.notifications.smtp import SmtpServer
from tocsin.notifications.senders.senders import Senders


class Mailbox:
    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.refusal = ""

    @property
    def letters(self) -> list[EmailMessage]:
        contents = [envelope.content for envelope in self.envelopes]
        return [message_from_bytes(each, policy=policy.default) for each in contents]

    async def handle_RCPT(self, _s: Any, _n: Any, envelope: Any, to: str, _o: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"


@contextmanager
def receiving(mailbox: Mailbox) -> Iterator[Senders]:
    """Runs the server on a port and an event loop of its own; yields senders that use it."""
    loop = asyncio.new_event_loop()
    serving = loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0)
    server = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = server.sockets[0].getsockname()[1]
        smtp = SmtpServer.parse(f"smtp://127.0.0.1:{port}", "Tocsin <tocsin@example.com>")
        yield Senders(allow_private=False, smtp=smtp)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


def part_of(letter: EmailMessage, kind: str) -> str:
    """The text of the part `plain` or `html`."""
    part = letter.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")
