"""Sends one bounded POST: no redirects, no proxy, at most 64 KiB of the response."""

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

MAX_RESPONSE = 64 * 1024
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


class HttpClient:
    """Sets no timeout: the caller limits the time of an attempt as a whole."""

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
        """The result by the status of the response; its body is read for the error text only."""
        try:
            async with self._client.stream("POST", url, content=body, headers=headers) as response:
                return _result(response, await _beginning(response), at)
        except TargetRefused as error:
            return SendResult(error.detail)
        except _FAILURES as error:
            return SendResult(_reason(error))


async def _beginning(response: httpx.Response) -> bytes:
    """The beginning of the body as it was sent: decompressed it could be of any size."""
    read = b""
    with suppress(TimeoutError, *_FAILURES):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) >= MAX_RESPONSE:
                    break
    return read


def _result(response: httpx.Response, body: bytes, at: datetime) -> SendResult:
    if response.is_success:
        return SendResult(http_status=response.status_code)
    error = f"answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.has_redirect_location:
        error += "; redirects are not followed"
    elif excerpt := " ".join(body[:_EXCERPT].decode(errors="replace").split()):
        error += f": {excerpt}"
    retry_after = read_retry_after(response.headers.get("retry-after", ""), at)
    return SendResult(error, response.status_code, retry_after)


def _reason(error: Exception) -> str:
    """The message of the operating system, such as `Connection refused`, if it is the cause."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return str(error) or f"the connection failed: {type(error).__name__}"
