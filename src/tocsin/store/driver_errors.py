"""Translates exceptions of database drivers to those of `tocsin.errors`, chained to their cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from tocsin.errors import Conflict, Unavailable


@contextmanager
def translating(to_error: Callable[[BaseException | None], Unavailable]) -> Iterator[None]:
    """`to_error` translates the exceptions of one driver, except for broken constraints."""
    try:
        yield
    except exc.IntegrityError as error:
        message = "Another change conflicts with this one; reload and try again"
        raise Conflict(message) from error
    except exc.DBAPIError as error:
        raise to_error(error.orig) from error
    except exc.TimeoutError as error:
        raise Unavailable from error
