"""Who may do what: keys and their roles ("Keys" in api.md)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Member


class Role(StrEnum):
    """`ingest` records interactions, `read` asks, `admin` may do everything."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"

    def covers(self, *required: Role) -> bool:
        """Whether a key of this role may do what any one of the required roles may."""
        return self is Role.ADMIN or self in required


class KeyDraft(BaseModel):
    """What a caller says of a new key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Member(min_length=1, max_length=200, examples=["billing service"])]
    role: Role


class Key(BaseModel):
    """A key as it is listed: never with its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: UUID
    name: str
    role: Role
    prefix: str
    from_environment: bool = False
    created_date: datetime
