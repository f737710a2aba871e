"""How is an error answered: as application/problem+json (RFC 9457), whichever error it is."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.validation import problems_in

MEDIA_TYPE = "application/problem+json"
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_DETAILS = {404: "There is no such route", 405: "This route does not take this method"}


def answer_errors(app: FastAPI) -> None:
    """Have every error of the application answered as a problem."""
    app.add_exception_handler(TocsinError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_framework)


def problem(error: TocsinError) -> Response:
    """The answer that an error is."""
    headers = retry_after(error)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        headers["Accept-Encoding"] = "gzip, zstd, identity"
    errors = [{"field": p.field, "message": p.message} for p in error.problems]
    return _problem(error.status, error.title, error.detail, headers, errors)


def retry_after(error: TocsinError) -> dict[str, str]:
    """The header that says when to ask again, if the error says so."""
    seconds = getattr(error, "retry_after_seconds", None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _problem(
    status: int,
    title: str,
    detail: str,
    headers: Mapping[str, str],
    errors: list[dict[str, str]] | None = None,
) -> Response:
    content: dict[str, Any] = {
        "type": f"urn:tocsin:problem:{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        content["errors"] = errors
    return Response(msgspec.json.encode(content), status, dict(headers), MEDIA_TYPE)


async def _answer_ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TocsinError)
    return problem(error)


async def _answer_validation(_request: Request, error: Exception) -> Response:
    """FastAPI validates parameters only; a path starts with where they stand, such as "query"."""
    assert isinstance(error, RequestValidationError)
    return problem(InvalidInput(problems=problems_in(error.errors(), skipped=1)))


async def _answer_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    title = HTTPStatus(error.status_code).phrase
    detail = _DETAILS.get(error.status_code, error.detail)
    return _problem(error.status_code, title, detail, headers)


def _allowed(request: Request) -> list[str]:
    """All methods of the path; the framework names those of the first route that has it."""
    routes = request.app.routes

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    # What takes GET takes HEAD.
    return [method for method in _METHODS if takes("GET" if method == "HEAD" else method)]
