"""One POST, within bounds: no redirects, no proxy, at most 64 KiB of the answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import httpcore2 as httpcore
import httpx2 as httpx

from tocsin import __version__
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.retry_after import read_retry_after
from tocsin.notifications.senders.addresses import TargetRefused
from tocsin.notifications.senders.guarded_transport import GuardedBackend, GuardedTransport

MAX_ANSWER = 64 * 1024
BODY_SECONDS = 2.0

_EXCERPT = 200
_FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


class Posting:
    """Whoever uses it bounds its time as a whole."""

    def __init__(self, backend: GuardedBackend) -> None:
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(backend),
            headers={
                "user-agent": f"tocsin/{__version__}",
                "content-type": "application/json",
                "accept-encoding": "identity",
            },
            follow_redirects=False,
            trust_env=False,
            timeout=None,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], at: datetime
    ) -> SendResult:
        """What the status says; the rest of the answer is only good for an error's words."""
        try:
            async with self._client.stream("POST", url, content=body, headers=headers) as answer:
                return _receipt(answer, await _beginning(answer), at)
        except TargetRefused as error:
            return SendResult(error.detail)
        except _FAILURES as error:
            return SendResult(_said(error))


async def _beginning(answer: httpx.Response) -> bytes:
    """The beginning of an answer, as it came: unpacked it could be any size."""
    read = b""
    with suppress(TimeoutError, *_FAILURES):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) >= MAX_ANSWER:
                    break
    return read


def _receipt(answer: httpx.Response, body: bytes, at: datetime) -> SendResult:
    if answer.is_success:
        return SendResult(http_status=answer.status_code)
    error = f"answered {answer.status_code} {answer.reason_phrase}".rstrip()
    if answer.has_redirect_location:
        error += "; redirects are not followed"
    elif excerpt := " ".join(body[:_EXCERPT].decode(errors="replace").split()):
        error += f": {excerpt}"
    asked = read_retry_after(answer.headers.get("retry-after", ""), at)
    return SendResult(error, answer.status_code, asked)


def _said(error: Exception) -> str:
    """The operating system's own words, such as `Connection refused`, if they are at the bottom."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return str(error) or f"the connection failed: {type(error).__name__}"
