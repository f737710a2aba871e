"""Which interactions does somebody look for?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.model.interactions.filter import Filter


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; everything that is None matches all. `to` is excluded."""

    resource_type_id: UUID | None = None
    resource_id: str | None = None
    action_id: UUID | None = None
    origin_id: UUID | None = None
    uow_id: UUID | None = None
    user_id: str | None = None
    start: datetime | None = None
    to: datetime | None = None
    filters: tuple[Filter, ...] = ()
