"""Keys and their roles ("Keys" in docs/reference/api.md)."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Member

from tocsin.model.duration import Duration, between
from tocsin.model.time_range import Instant
from tocsin.model.validation import WithoutNul

# A secret of fewer bits could be guessed.
GUESSABLE_BITS = 60


class Role(StrEnum):
    """`ingest` records interactions, `read` queries them, `admin` may do everything."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"

    def covers(self, *required: Role) -> bool:
        """Whether this role includes one of the required roles."""
        return self is Role.ADMIN or self in required


class KeyDraft(BaseModel):
    """The request for a new key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        str, Member(min_length=1, max_length=200, examples=["billing service"]), WithoutNul()
    ]
    role: Role
    expires_at: Annotated[Instant | None, Member(alias="expiresAt")] = None


class Rotation(BaseModel):
    """The request for a new secret of a key: no former secret holds longer than `grace` from
    now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grace: Annotated[Duration, AfterValidator(between("0s", "30d"))] = Duration(24, "h")


class Key(BaseModel):
    """A key as it is listed, without its secrets.

    `former_ends` has the instants at which its former secrets end, the earliest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: UUID
    name: str
    role: Role
    prefix: str
    from_environment: bool = False
    created_date: datetime
    expires_at: datetime | None = None
    former_ends: tuple[datetime, ...] = ()

    def is_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and at >= self.expires_at

    def former_until(self, at: datetime) -> datetime | None:
        """The end of the last former secret that still holds."""
        return next((end for end in reversed(self.former_ends) if end > at), None)

    def covers_session(self, begun: datetime, at: datetime) -> bool:
        """Whether a session that began then goes on: it may have begun with a former secret, and
        must not outlive that."""
        return not self.is_expired(at) and not any(begun <= end <= at for end in self.former_ends)


def estimated_bits(secret: str) -> float:
    """A simple upper bound of the entropy of a secret, in bits.

    Each character counts as many bits as the different characters of the secret allow, but nothing
    if it equals the one before it or is its neighbour, as in aaaa and 1234. Words of a dictionary
    are not recognized.
    """
    if not secret:
        return 0.0
    steps = pairwise(secret)
    surprising = 1 + sum(abs(ord(former) - ord(latter)) > 1 for former, latter in steps)
    return surprising * math.log2(len(set(secret)))


def is_guessable(secret: str) -> bool:
    return estimated_bits(secret) < GUESSABLE_BITS
