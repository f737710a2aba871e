"""Keys and their roles ("Keys" in docs/reference/api.md)."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Member

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


class Key(BaseModel):
    """A key as it is listed, without its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: UUID
    name: str
    role: Role
    prefix: str
    from_environment: bool = False
    created_date: datetime


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
