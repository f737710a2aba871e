"""Every error that Tocsin raises on purpose, and nothing else.

The docstring of a class is its message; the HTTP status and the `type` of its problem document
stand on the class, so that the API answers an error without knowing which one it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where it stands and what would be right."""

    field: str
    message: str


def at_most(problems: Sequence[Problem], count: int) -> Sequence[Problem]:
    """The first problems; where there are more than `count`, one that says how many more."""
    if len(problems) <= count:
        return problems
    return [*problems[:count], Problem("", f"and {len(problems) - count:,} more")]


class TocsinError(Exception):
    """Something went wrong inside Tocsin."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str | None = None, problems: Iterable[Problem] = ()) -> None:
        self.detail = detail or " ".join((type(self).__doc__ or "").split())
        self.problems = tuple(problems)
        super().__init__(self.detail)

    def __str__(self) -> str:
        if not self.problems:
            return self.detail
        return "; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in self.problems)


class MalformedBody(TocsinError):
    """The body is not valid JSON."""

    status = 400
    title = "Malformed body"


class MalformedRequest(TocsinError):
    """The request is not valid HTTP/1.1."""

    status = 400
    title = "Malformed request"


class Unauthenticated(TocsinError):
    """Give a valid key in the header x-api-key, or as Authorization: Bearer <key>."""

    status = 401
    title = "Key required"


class Forbidden(TocsinError):
    """The role of this key does not cover the request."""

    status = 403
    title = "Role does not allow this"


class NotFound(TocsinError):
    """There is no such thing."""

    status = 404
    title = "Not found"


class RequestTimeout(TocsinError):
    """The request did not arrive in time: a head has 10 seconds, a body at least 1 KiB/s."""

    status = 408
    title = "Request timeout"


class Conflict(TocsinError):
    """A fact stands against it."""

    status = 409
    title = "Conflict"


class TooLarge(TocsinError):
    """The body is larger than this route takes."""

    status = 413
    title = "Too large"


class UnsupportedEncoding(TocsinError):
    """The Content-Encoding must be gzip, zstd or identity."""

    status = 415
    title = "Unsupported encoding"


class InvalidInput(TocsinError):
    """The input is well-formed, but not acceptable."""

    status = 422
    title = "Invalid input"

    @classmethod
    def at(cls, field: str, message: str) -> InvalidInput:
        return cls(problems=[Problem(field, message)])


class TooManyWrongKeys(TocsinError):
    """Too many wrong keys came from this address: use a right one, or wait."""

    status = 429
    title = "Too many wrong keys"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class HeadTooLarge(TocsinError):
    """The request line and the headers may have 64 KiB together."""

    status = 431
    title = "Request header fields too large"


class QueryTooHeavy(TocsinError):
    """The calculation needs more memory or time than it may use: narrow its scope, its time window
    or its grouping."""

    status = 422
    title = "Calculation too heavy"


class Unavailable(TocsinError):
    """The engine or the store does not answer; try again in a moment."""

    status = 503
    title = "Unavailable"
    retry_after_seconds: ClassVar[int] = 1


class TooManyConnections(Unavailable):
    """The server has as many connections as it may have; try again in a moment."""


class Busy(Unavailable):
    """As many questions of this kind are running as may at once, and the queue behind them is full:
    try again in a moment. TOCSIN_QUERY_CONCURRENCY sets how many calculations run at once."""

    retry_after_seconds = 5


class NoRoomForBody(Unavailable):
    """Other requests fill the memory for bodies; try again in a moment. TOCSIN_BODY_MEMORY sets how
    much there is."""


class Stopping(Unavailable):
    """The service is stopping; ask again when it is back."""


class CannotWrite(Unavailable):
    """Nothing can be written to the disk; `reason` is the system's word for it."""

    def __init__(self, detail: str, reason: str) -> None:
        self.reason = reason
        super().__init__(detail)


class IncompleteFolder(TocsinError):
    """The halves of the data folder do not belong together."""


class DataFolderInUse(TocsinError):
    """Another process uses this data folder; stop it first, or choose another --data-dir."""


class InvalidSettings(TocsinError):
    """A setting is not acceptable."""
