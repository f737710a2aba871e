"""Responses to errors: application/problem+json (RFC 9457) for every error.

The contract is "Errors" in docs/reference/api.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from msgspec import UNSET
from starlette.exceptions import HTTPException
from starlette.routing import Match

from tocsin.api.schemas.problems import FieldProblem, ProblemResponse
from tocsin.errors import InvalidInput, TocsinError
from tocsin.model.validation import problems_in

MEDIA_TYPE = "application/problem+json"
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_DETAILS = {404: "There is no such route", 405: "This route does not accept this method"}


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""
    app.add_exception_handler(TocsinError, _answer_tocsin_error)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http_exception)


def problem(error: TocsinError) -> Response:
    """The response to an error, with the headers that belong to its status."""
    headers = retry_after(error)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        headers["Accept-Encoding"] = "gzip, zstd, identity"
    errors = list(map(FieldProblem.of, error.problems))
    return _problem(error.status, error.title, error.detail, headers, errors)


def retry_after(error: TocsinError) -> dict[str, str]:
    """The Retry-After header, if the error has a delay."""
    seconds = getattr(error, "retry_after_seconds", None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _problem(
    status: int,
    title: str,
    detail: str,
    headers: Mapping[str, str],
    errors: list[FieldProblem] | None = None,
) -> Response:
    type = f"urn:tocsin:problem:{title.lower().replace(' ', '-')}"
    content = ProblemResponse(type, title, status, detail, errors or UNSET)
    return Response(msgspec.json.encode(content), status, dict(headers), MEDIA_TYPE)


async def _answer_tocsin_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TocsinError)
    return problem(error)


async def _answer_validation(_request: Request, error: Exception) -> Response:
    """FastAPI validates parameters only; the path begins with their place, such as "query"."""
    assert isinstance(error, RequestValidationError)
    return problem(InvalidInput(problems=problems_in(error.errors(), skipped=1)))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    title = HTTPStatus(error.status_code).phrase
    detail = _DETAILS.get(error.status_code, error.detail)
    return _problem(error.status_code, title, detail, headers)


def _allowed(request: Request) -> list[str]:
    """All methods of the path; Starlette lists those of the first route that has it."""
    # A route that takes GET takes HEAD.
    return [
        method for method in _METHODS if _is_taken(request, "GET" if method == "HEAD" else method)
    ]


def _is_taken(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
