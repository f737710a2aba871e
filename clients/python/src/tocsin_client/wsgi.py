"""Middleware for WSGI applications, such as Flask.

app.wsgi_app = TocsinMiddleware(app.wsgi_app, on_response=failed_logins)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from tocsin_client._requests import Exchange, OnResponse, report, unit_of_work

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, Any], Iterable[bytes]]


class TocsinMiddleware:
    """Gives each request a unit of work, and calls `on_response` when its response begins.

    All interactions that the application and `on_response` record have this `uowId`, except those
    that a generated body records. Errors in `on_response` are logged.
    """

    def __init__(self, app: App, on_response: OnResponse | None = None) -> None:
        self._app = app
        self._on_response = on_response

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        response = _Response(environ, start_response, self._on_response)
        with unit_of_work():
            try:
                return self._app(environ, response.start)
            except BaseException:
                response.begin(500)
                raise


class _Response:
    """Reports the beginning of a response once."""

    def __init__(
        self, environ: Environ, start_response: StartResponse, on_response: OnResponse | None
    ) -> None:
        self._environ = environ
        self._start_response = start_response
        self._on_response = on_response
        self._started = time.perf_counter()
        self._has_begun = False

    def start(self, status: str, *arguments: Any) -> Any:
        self.begin(int(status.partition(" ")[0]))
        return self._start_response(status, *arguments)

    def begin(self, status: int) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        environ = self._environ
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        }
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        # WSGI has the bytes of a path as Latin-1.
        path = path.encode("latin-1").decode("utf-8", "replace")
        method, seconds = environ["REQUEST_METHOD"], time.perf_counter() - self._started
        report(self._on_response, Exchange(method, path, status, seconds, headers, environ))
