"""The errors that Tocsin raises intentionally.

The docstring of a class is its default message. The class also has the HTTP status and the title
of its problem document, so that the API handles every error in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of an input: the path of the member, and the rule that it breaks."""

    field: str
    message: str


def at_most(problems: Sequence[Problem], count: int) -> Sequence[Problem]:
    """The first `count` problems; if there are more, one further problem states their number."""
    if len(problems) <= count:
        return problems
    return [*problems[:count], Problem("", f"and {len(problems) - count:,} more")]


class TocsinError(Exception):
    """An internal error occurred."""

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
    """Send a valid key in the header x-api-key, or as Authorization: Bearer <key>."""

    status = 401
    title = "Key required"


class Forbidden(TocsinError):
    """The role of this key does not permit the request."""

    status = 403
    title = "Role does not allow this"


class NotFound(TocsinError):
    """Not found."""

    status = 404
    title = "Not found"


class NotAcceptable(TocsinError):
    """The rows are available as text/csv, application/x-ndjson and application/vnd.apache.parquet:
    name one in the header Accept, or in ?format= as csv, ndjson or parquet."""

    status = 406
    title = "Not acceptable"


class RequestTimeout(TocsinError):
    """The request did not arrive in time: a head has 10 seconds, a body at least 1 KiB/s."""

    status = 408
    title = "Request timeout"


class Conflict(TocsinError):
    """The request conflicts with the current state."""

    status = 409
    title = "Conflict"


class ChangedMeanwhile(Conflict):
    """Another request changed this at the same time; try again."""


class TooLarge(TocsinError):
    """The body is larger than this route accepts."""

    status = 413
    title = "Too large"


class UnsupportedEncoding(TocsinError):
    """The Content-Encoding must be gzip, zstd or identity."""

    status = 415
    title = "Unsupported encoding"


class UnsupportedEventFormat(TocsinError):
    """The formats of events are application/cloudevents+json, application/cloudevents-batch+json,
    and headers with the prefix ce-."""

    status = 415
    title = "Unsupported event format"


class InvalidInput(TocsinError):
    """The input is well-formed, but not valid."""

    status = 422
    title = "Invalid input"

    @classmethod
    def at(cls, field: str, message: str) -> InvalidInput:
        return cls(problems=[Problem(field, message)])


class TooManyWrongKeys(TocsinError):
    """Too many wrong keys came from this address: use a valid key, or wait."""

    status = 429
    title = "Too many wrong keys"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class HeadTooLarge(TocsinError):
    """The request line and the headers are larger than 64 KiB together."""

    status = 431
    title = "Request header fields too large"


class QueryTooHeavy(TocsinError):
    """The calculation exceeds its limit of memory or time: narrow its scope, its time window or its
    grouping."""

    status = 422
    title = "Calculation too heavy"


class Unavailable(TocsinError):
    """The engine or the store does not answer; try again in a moment."""

    status = 503
    title = "Unavailable"
    retry_after_seconds: ClassVar[int] = 1


class TooManyConnections(Unavailable):
    """The server has reached its limit of connections; try again in a moment."""


class Busy(Unavailable):
    """The limit of concurrent requests of this kind is reached, and the queue is full: try again in
    a moment. TOCSIN_QUERY_CONCURRENCY sets how many calculations run concurrently."""

    retry_after_seconds = 5


class NoRoomForBody(Unavailable):
    """Other requests use all memory for bodies; try again in a moment. TOCSIN_BODY_MEMORY sets its
    size."""


class Stopping(Unavailable):
    """The service is stopping; try again when it is back."""


class Deposed(Unavailable):
    """Another node has become the leader, and does this work from now on."""


class EntryDeleted(Unavailable):
    """A resource type, action or origin was deleted or added meanwhile; try again."""


class UnknownOutcome(Unavailable):
    """The engine did not confirm an append: the interactions may be recorded, now or later."""


class CannotWrite(Unavailable):
    """Writing to the disk failed; `reason` is the message of the operating system."""

    def __init__(self, detail: str, reason: str) -> None:
        self.reason = reason
        super().__init__(detail)


class IncompleteFolder(TocsinError):
    """The store and the engine of the data folder do not belong together."""


class DataFolderInUse(TocsinError):
    """Another process uses this data folder; stop it first, or choose another --data-dir."""


class InvalidSettings(TocsinError):
    """A setting is not valid."""
