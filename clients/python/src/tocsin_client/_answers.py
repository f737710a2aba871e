"""Decides what the answer to a batch means: recorded, to be split, or to be sent again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tocsin_client._rejection import FieldError


@dataclass(frozen=True)
class Recorded:
    """The server has every interaction of the batch except those that it rejected, by position."""

    rejected: Mapping[int, tuple[FieldError, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TooLarge:
    """The batch is rejected as a whole for its size or content; parts of it may be accepted."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """It is unknown whether the batch is recorded; it must be sent again with the same ids."""

    reason: str
    retry_after: float | None = None


Outcome = Recorded | TooLarge | Failed


def judge(
    status: int, content_type: str, body: bytes, retry_after: float | None, length: int
) -> Outcome:
    """The outcome of a batch of `length` interactions.

    Only an answer that accounts for each interaction counts as recorded: a proxy may answer 200
    with a page of its own. Any other error is retried, also 401 and 404, because a key can be
    given its role and a proxy be repaired while the interactions wait.
    """
    if status in (201, 207, 422):
        counts = _decoded(body)
        if counts is not None and _accounts_for(counts, length):
            return Recorded(_rejected(counts))
    is_problem = content_type.partition(";")[0].strip() == "application/problem+json"
    reason = f"HTTP {status}" + (f": {_detail(body)}" if is_problem else "")
    # A proxy's limit is lower than the server's. A 400 of the server is about the body.
    if status == 413 or (status == 400 and is_problem):
        return TooLarge(reason)
    return Failed(reason, retry_after)


def _decoded(body: bytes) -> dict[str, Any] | None:
    try:
        decoded = json.loads(body)
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _accounts_for(counts: Mapping[str, Any], length: int) -> bool:
    try:
        rejected = {int(rejection["index"]) for rejection in counts["rejected"]}
        recorded = int(counts["accepted"]) + int(counts["duplicates"])
    except (KeyError, TypeError, ValueError):
        return False
    return recorded + len(rejected) == length and rejected <= set(range(length))


def _rejected(counts: Mapping[str, Any]) -> dict[int, tuple[FieldError, ...]]:
    return {
        int(rejection["index"]): tuple(
            FieldError(str(error.get("field") or ""), str(error.get("message") or ""))
            for error in rejection.get("errors") or []
        )
        for rejection in counts["rejected"]
    }


def _detail(body: bytes) -> str:
    problem = _decoded(body) or {}
    return str(problem.get("detail") or problem.get("title") or "")[:500]
