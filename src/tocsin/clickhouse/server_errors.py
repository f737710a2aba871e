"""Translates errors of a ClickHouse server, and of the way to it, to errors of `tocsin.errors`.

A failed append is certain only if the server refused it before it wrote, or wrote nothing: a block
of one partition is stored as a whole or not at all. Any other failure is an UnknownOutcome.
"""

from __future__ import annotations

import errno
import os
import re

import structlog
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
    TimeoutError,
)

from tocsin.clickhouse.errors import CANCELLED, TOO_HEAVY, code_of, write_failure
from tocsin.errors import (
    CannotWrite,
    QueryTooHeavy,
    Stopping,
    TocsinError,
    Unavailable,
    UnknownOutcome,
)
from tocsin.model.server_address import ServerAddress

log = structlog.get_logger()

_MEMORY = 241
_READ_ONLY_TABLE = 242
# UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE: mostly that of another node.
_QUORUM_UNDER_WAY = 286
_SENTENCES = {
    # UNKNOWN_TABLE, UNKNOWN_DATABASE
    60: "has no table of interactions in the database {database}: run `tocsin migrate`",
    81: "has no database {database}: create it, or run `tocsin migrate`",
    # READONLY
    164: "gives the user {user} a profile that is read-only",
    # UNKNOWN_USER, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
    192: "does not know the user {user}",
    194: "requires a password for the user {user}",
    516: "rejects the user {user} or the password",
    # TOO_MANY_SIMULTANEOUS_QUERIES, QUOTA_EXCEEDED, TOO_MANY_PARTS
    202: "runs as many queries as it may; try again in a moment",
    201: "has a quota for the user {user}, which is used up",
    252: "has too many parts to merge; try again in a moment",
    # SETTING_CONSTRAINT_VIOLATION, UNKNOWN_SETTING
    452: "forbids a setting in the profile of the user {user}: run `tocsin doctor`",
    115: "lacks a setting that Tocsin needs: run `tocsin doctor`",
    # ACCESS_DENIED
    497: "denies the user {user} a right ({grant}): run `tocsin doctor`",
    # ALL_CONNECTION_TRIES_FAILED, ALL_REPLICAS_ARE_STALE, REPLICA_IS_NOT_IN_QUORUM
    279: "has a shard of which no server answers; try again in a moment",
    369: "has a shard whose replicas are behind; try again in a moment",
    289: "has replicas that lack acknowledged interactions; try again in a moment",
    # TOO_FEW_LIVE_REPLICAS, UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    285: "has too few replicas for a majority; try again in a moment",
    286: "waits for a majority of replicas; try again in a moment",
    # NO_ZOOKEEPER, KEEPER_EXCEPTION
    225: "has lost Keeper; try again in a moment",
    999: "has lost Keeper; try again in a moment",
    # SOCKET_TIMEOUT, NETWORK_ERROR
    209: "did not receive the statement in time",
    210: "lost the connection",
}
# The server checked these before it executed the statement: errors of the table above, and syntax,
# unknown names, columns and types.
# A quorum is checked for each partition, of which earlier ones may be stored.
_AMID_WRITING = {209, 210, 225, 279, 285, 286, 289, 369, 999}
_BEFORE_WRITING = (set(_SENTENCES) - _AMID_WRITING) | {_READ_ONLY_TABLE, 16, 46, 47, 62}
# The append may still be running, was ended, or its end was not reported: QUERY_WITH_SAME_ID_IS_
# ALREADY_RUNNING, ABORTED, UNKNOWN_STATUS_OF_INSERT, and Poco's, among them broken connections.
_UNKNOWN = {216, 225, 236, 319, 999, CANCELLED, 209, 210, 159, 1000, 1001, 1002}


class ServerErrors:
    """The errors name the server, never the password."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address

    def of_query(self, error: Exception, *, is_logging: bool = True) -> TocsinError:
        """The error for the caller of a query; the server's message goes to the log."""
        text, code = str(error), code_of(error)
        if code == CANCELLED:
            return Stopping()
        if code == _MEMORY and re.search(r"total|[Uu]ser", text.partition("exceeded")[0][-40:]):
            # Other queries use the memory: it is not this one that is too heavy.
            return self._unavailable("has no memory left; try again in a moment")
        if code in TOO_HEAVY:
            return QueryTooHeavy()
        if reason := _write_reason(text, code):
            return CannotWrite(f"The {self._address.label} cannot write ({reason})", reason)
        if is_logging:
            log.error("clickhouse failed", server=str(self._address), code=code, error=_full(error))
        if code is None:
            return self._unavailable(_transport_sentence(error))
        sentence = _SENTENCES.get(code, "failed; its error is in the log")
        return self._unavailable(
            sentence.format(
                database=self._address.database, user=self._address.user, grant=_grant(text)
            )
        )

    def of_append(self, error: Exception, *, is_atomic: bool) -> TocsinError:
        """The error for a failed append; `is_atomic` if its block is in one partition."""
        code = code_of(error)
        if code is None:
            is_certain = _is_unsent(error)
        else:
            is_certain = code in _BEFORE_WRITING or (is_atomic and code not in _UNKNOWN)
        if code == _READ_ONLY_TABLE and self._address.cluster:
            # A replica that loses Keeper becomes read-only in the middle of an append.
            is_certain = False
        failure = self.of_query(error, is_logging=code != _QUORUM_UNDER_WAY)
        if is_certain and not isinstance(failure, QueryTooHeavy | Stopping):
            return failure
        if is_certain:
            return self._unavailable("has no memory left; try again in a moment")
        return UnknownOutcome(
            f"The {self._address.label} did not confirm an append, which may be "
            "recorded; its outcome is known in some seconds"
        )

    def _unavailable(self, sentence: str) -> Unavailable:
        return Unavailable(f"The {self._address.label} {sentence}")


def _write_reason(text: str, code: int | None) -> str | None:
    if code == _READ_ONLY_TABLE:
        return "its table is read-only"
    return write_failure(text, code) if code is not None else None


def _grant(text: str) -> str:
    """The right that the server names in its message."""
    match = re.search(r"necessary to have the grant (.+?)\. ", text)
    return match[1] if match else "see the log"


def _transport_errors(error: BaseException) -> list[BaseException]:
    """The exception, and those that caused it, urllib3's reasons included."""
    errors: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in errors:
        errors.append(current)
        reason = current.reason if isinstance(current, MaxRetryError) else None
        current = reason or current.__cause__ or current.__context__
    return errors


def _is_unsent(error: Exception) -> bool:
    """Whether no connection was made, so that the server has received nothing."""
    unsent = (NewConnectionError, ConnectTimeoutError, ClosedPoolError)
    return any(isinstance(cause, unsent) for cause in _transport_errors(error))


def _transport_sentence(error: Exception) -> str:
    causes = _transport_errors(error)
    for cause in causes:
        if isinstance(cause, NameResolutionError):
            return "is not found: its name cannot be resolved"
        if isinstance(cause, SSLError):
            return "does not speak TLS, or its certificate is not trusted"
        if isinstance(cause, TimeoutError) and not isinstance(cause, NewConnectionError):
            return "does not answer in time"
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return "closed the connection"
    numbers = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno]
    if numbers and numbers[-1] in errno.errorcode:
        return f"does not answer ({os.strerror(numbers[-1])})"
    if any(isinstance(cause, HTTPError) for cause in causes):
        return "closed the connection"
    return "failed; its error is in the log"


def _full(error: Exception) -> str:
    """The message of the server, or the last cause of the driver's."""
    causes = _transport_errors(error)
    text = str(error) if len(causes) == 1 else f"{error}: {causes[-1]}"
    return text[:2_000]
