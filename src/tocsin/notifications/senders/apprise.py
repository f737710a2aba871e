"""Sends through Apprise, which reaches some 130 services over libraries of its own.

Those libraries take no transport, so each message is sent by a child process that refuses private
addresses at its sockets. The process ends with the message, and is killed if it does not.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping

from tocsin.model.notifications.channel import AppriseSettings
from tocsin.model.notifications.content import Tone
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message, one_line

_CONCURRENCY = 4
_TYPES: Mapping[Tone, str] = {
    Tone.CRITICAL: "failure",
    Tone.WARNING: "warning",
    Tone.INFO: "info",
    Tone.RECOVERED: "success",
    Tone.NEUTRAL: "info",
}
_COMMAND = (sys.executable, "-I", "-m", "tocsin.notifications.senders.apprise_child")
# Not the one of this process, which names proxies and may hold secrets.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}


class AppriseSender:
    def __init__(self, *, allow_private: bool) -> None:
        self._allows_private = allow_private
        self._places = asyncio.Semaphore(_CONCURRENCY)

    async def send(self, settings: AppriseSettings, message: Message) -> SendResult:
        request = {
            "url": settings.url.get_secret_value(),
            "title": one_line(message.title),
            "body": message.body,
            "type": _TYPES[message.content.tone],
            "allowPrivate": self._allows_private,
        }
        async with self._places:
            answer = await _ask(json.dumps(request).encode())
        try:
            return SendResult(json.loads(answer)["error"])
        except ValueError:
            return SendResult("Apprise ended without an answer")


async def _ask(request: bytes) -> bytes:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=pipe, stdout=pipe, stderr=nothing, env=_ENVIRONMENT
    )
    try:
        answer, _ = await child.communicate(request)
        return answer
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
