"""Web requests as the middleware sees them, and the unit of work of the current one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

log = logging.getLogger("tocsin_client")
_unit_of_work: ContextVar[UUID | None] = ContextVar("unit_of_work", default=None)


@dataclass(frozen=True)
class Exchange:
    """A web request and the beginning of its response."""

    method: str
    path: str
    status: int
    """500 if the application raised an exception before it responded."""
    seconds: float
    """From the request to the beginning of the response."""
    headers: Mapping[str, str]
    """The headers of the request; their names are in lower case."""
    request: Any
    """The scope of ASGI, the environ of WSGI, or the HttpRequest of Django."""


OnResponse = Callable[[Exchange], None]


@contextmanager
def unit_of_work() -> Iterator[None]:
    """Interactions that are recorded within it have one new `uowId`."""
    token = _unit_of_work.set(uuid4())
    try:
        yield
    finally:
        _unit_of_work.reset(token)


def current_unit_of_work() -> UUID:
    """The unit of work of the current request; outside of one, a new one for each call."""
    return _unit_of_work.get() or uuid4()


def report(on_response: OnResponse | None, exchange: Exchange) -> None:
    """Call the function of the application; its errors do not reach the response."""
    if on_response is None:
        return
    try:
        on_response(exchange)
    except Exception:
        log.exception("on_response failed")
