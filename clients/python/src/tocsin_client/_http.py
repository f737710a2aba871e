"""Requests to the server: the options of the HTTP client, and the request of a batch."""

from __future__ import annotations

# httpx2 imports these at the first request. A fork during that import leaves the child with half a
# module, so they are imported with this one.
import encodings.idna  # noqa: F401
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import httpcore2  # noqa: F401
import httpx2 as httpx

from tocsin_client._answers import Failed, Outcome, judge
from tocsin_client._backoff import read_retry_after
from tocsin_client._outbox import Batch
from tocsin_client._version import __version__

PATH = "/api/interactions/batch"
HEADERS = {"content-type": "application/x-ndjson"}
TIMEOUT = httpx.Timeout(30, connect=5)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def options_of(url: str, key: str) -> dict[str, Any]:
    """The options of an HTTP client; raises ValueError for a URL or key that cannot be right."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not the URL of a server, such as http://127.0.0.1:8420")
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError("the key is empty or contains characters that no key has")
    return {
        "base_url": url.rstrip("/"),
        "headers": {"x-api-key": key.strip(), "user-agent": f"tocsin-client/{__version__}"},
        "timeout": TIMEOUT,
        # A proxy from the environment cannot reach the loopback interface of this machine.
        "trust_env": parts.hostname not in _LOOPBACK,
        # Made in the thread of the application: a fork while another thread makes a context leaves
        # a lock of OpenSSL locked in the child. Without HTTPS no certificates are loaded, which
        # takes 30 ms.
        "verify": httpx.create_ssl_context(verify=parts.scheme == "https"),
    }


def send(http: httpx.Client, batch: Batch, timeout: httpx.Timeout | float = TIMEOUT) -> Outcome:
    """Send a batch; every error is an outcome, so that the sender goes on."""
    try:
        response = http.post(PATH, content=body_of(batch), headers=HEADERS, timeout=timeout)
    except Exception as error:
        return failure(error)
    return outcome_of(response, batch)


async def send_async(http: httpx.AsyncClient, batch: Batch) -> Outcome:
    """Send a batch as `send` does."""
    try:
        response = await http.post(PATH, content=body_of(batch), headers=HEADERS)
    except Exception as error:
        return failure(error)
    return outcome_of(response, batch)


def body_of(batch: Batch) -> bytes:
    return b"\n".join(item.line for item in batch)


def outcome_of(response: httpx.Response, batch: Batch) -> Outcome:
    headers = response.headers
    retry_after = read_retry_after(headers.get("retry-after"), datetime.now(timezone.utc))
    kind = headers.get("content-type", "")
    return judge(response.status_code, kind, response.content, retry_after, len(batch))


def failure(error: Exception) -> Failed:
    return Failed(f"{type(error).__name__}: {error}".rstrip(": "))
