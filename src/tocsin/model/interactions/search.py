"""The conditions of a search for interactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.model.interactions.filter_tree import FilterTree


@dataclass(frozen=True, slots=True)
class Search:
    """Conditions that are all to hold; None matches everything. `to` is exclusive."""

    resource_type_id: UUID | None = None
    resource_id: str | None = None
    action_id: UUID | None = None
    origin_id: UUID | None = None
    uow_id: UUID | None = None
    user_id: str | None = None
    start: datetime | None = None
    to: datetime | None = None
    filters: tuple[FilterTree, ...] = ()
