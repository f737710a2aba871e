"""Whatever else Apprise reaches, some 130 services, each over the connections of its own library.

They cannot be given ours, so each message is sent by a process that refuses other addresses at
its sockets, ends with the message, and is killed if it does not.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tocsin.model.notifications.channel import AppriseSettings
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message, one_line

_AT_ONCE = 4
_COMMAND = (sys.executable, "-I", "-m", "tocsin.notifications.senders.apprise_child")
# Not ours: it names proxies, and may hold secrets.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}


class AppriseSender:
    def __init__(self, *, allow_private: bool) -> None:
        self._allows_private = allow_private
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def send(self, settings: AppriseSettings, message: Message) -> SendResult:
        asked = {
            "url": settings.url.get_secret_value(),
            "title": one_line(message.title),
            "body": message.body,
            "allowPrivate": self._allows_private,
        }
        async with self._places:
            answer = await _ask(json.dumps(asked).encode())
        try:
            return SendResult(json.loads(answer)["error"])
        except ValueError:
            return SendResult("Apprise ended without an answer")


async def _ask(asked: bytes) -> bytes:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=pipe, stdout=pipe, stderr=nothing, env=_ENVIRONMENT
    )
    try:
        answer, _ = await child.communicate(asked)
        return answer
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
