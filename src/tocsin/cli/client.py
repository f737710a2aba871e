"""The HTTP client of the commands: requests with a key, responses as decoded JSON.

Every failure of a request is raised as Unreachable or RejectedByServer, with a message for the
user.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx2 as httpx

from tocsin.errors import Problem, TocsinError
from tocsin.model.notifications.retry_after import read_retry_after

TIMEOUT = httpx.Timeout(90, connect=10)
CONNECTIONS = 4
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Unreachable(TocsinError):
    """No server answers."""


class RejectedByServer(TocsinError):
    """The server answered with an error."""

    def __init__(
        self,
        status_code: int,
        detail: str,
        problems: list[Problem] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail, problems or [])
        self.status_code = status_code
        self.retry_after = retry_after

    def __str__(self) -> str:
        lines = (
            f"\n  {p.field}: {p.message}" if p.field else f"\n  {p.message}" for p in self.problems
        )
        return self.detail + "".join(lines)


class Client:
    """A connection to a server, and a context manager that closes it."""

    def __init__(
        self, url: str, key: str | None, transport: httpx.BaseTransport | None = None
    ) -> None:
        if not key:
            raise TocsinError("No key is given. Use --key or set TOCSIN_API_KEY.")
        if not key.isascii() or not key.isprintable():
            raise TocsinError("The key contains characters that no key has.")
        self.url = url.rstrip("/")
        base_url = _parsed(self.url)
        self._http = httpx.Client(
            base_url=base_url,
            headers={"x-api-key": key.strip()},
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=CONNECTIONS),
            # A proxy from the environment cannot reach the loopback interface of this machine.
            trust_env=base_url.host not in _LOOPBACK,
            # Plain HTTP has no certificates to verify, and loading those of the system takes 30 ms.
            verify=base_url.scheme == "https",
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **parameters: str | int | None) -> Any:
        return self.request("GET", path, parameters)

    def post(self, path: str, body: Any = None, **parameters: str | int | None) -> Any:
        return self.request("POST", path, parameters, json=body)

    def put(self, path: str, body: Any) -> Any:
        return self.request("PUT", path, {}, json=body)

    def patch(self, path: str, body: Any) -> Any:
        return self.request("PATCH", path, {}, json=body)

    def delete(self, path: str) -> None:
        self.request("DELETE", path, {})

    def post_lines(self, path: str, lines: bytes, encoding: str) -> Any:
        """Post compressed NDJSON. The response to a batch that was rejected whole is no error."""
        headers = {"content-type": "application/x-ndjson", "content-encoding": encoding}
        answer = self._send("POST", path, content=lines, headers=headers)
        body = _json_of(answer)
        if answer.status_code == 422 and isinstance(body, dict) and "rejected" in body:
            return body
        return self._content(answer)

    def request(
        self, method: str, path: str, parameters: dict[str, str | int | None], **content: Any
    ) -> Any:
        """The decoded response; None if it has no body."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._content(self._send(method, path, params=given, **content))

    @contextmanager
    def stream(self, path: str, **parameters: str | None) -> Iterator[Iterator[bytes]]:
        """The response in decompressed pieces; raises Unreachable if the connection breaks."""
        given = {name: value for name, value in parameters.items() if value is not None}
        with self._readable_errors(), self._http.stream("GET", path, params=given) as answer:
            if not answer.is_success:
                answer.read()
                raise self._refusal(answer)
            yield answer.iter_bytes()

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        with self._readable_errors():
            return self._http.request(method, path, **content)

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        """Translates the errors of a request into messages for the user."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise Unreachable(f"The server at {self.url} did not answer in time.") from error
        except httpx.ConnectError as error:
            raise Unreachable(
                f"No server answers at {self.url} ({_plain(error)}). "
                "Is it running (tocsin serve), and is --url right?"
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unreachable(
                f"The connection to {self.url} was interrupted: {_plain(error)}."
            ) from error
        except ValueError as error:
            raise TocsinError(f"The content cannot be encoded as JSON: {error}") from error

    def _content(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            body = _json_of(answer)
            if body is None and answer.content:
                raise RejectedByServer(
                    answer.status_code, f"The server at {self.url} is not Tocsin."
                )
            return body
        raise self._refusal(answer)

    def _refusal(self, answer: httpx.Response) -> RejectedByServer:
        status, body = answer.status_code, _json_of(answer)
        if not isinstance(body, dict) or "title" not in body:
            detail = (
                f"{self.url} answered {status} {answer.reason_phrase}, without a problem document."
            )
            return RejectedByServer(status, detail, retry_after=_retry_after(answer))
        problems = [
            Problem(str(problem.get("field") or ""), str(problem.get("message") or ""))
            for problem in body.get("errors") or []
        ]
        detail = str(body.get("detail") or body["title"])
        if status == 401:
            detail = f"The server at {self.url} does not accept this key (--key, TOCSIN_API_KEY)."
        return RejectedByServer(status, detail, problems, _retry_after(answer))


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise TocsinError(f"{url} is not a URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise TocsinError(f"{url} is not the URL of a server, such as http://127.0.0.1:8420")
    return parsed


def _json_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _retry_after(answer: httpx.Response) -> float | None:
    delay = read_retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
    return None if delay is None else delay.total_seconds()


def _plain(error: Exception) -> str:
    """The message of the operating system, such as `Connection refused`."""
    return str(error).rpartition("] ")[2].rstrip(".") or type(error).__name__
