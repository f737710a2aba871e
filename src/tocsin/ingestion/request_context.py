"""The properties of a request that apply to all its interactions."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.model.interactions.interaction import ImportedDraft, InteractionDraft
from tocsin.model.interactions.time_bounds import ANY_TIME, TimeBounds


@dataclass(frozen=True, slots=True)
class RequestContext:
    """When a request was received, in milliseconds, the values of its headers, its permissions,
    and the timestamps that its interactions may have."""

    received: int
    timestamp: str | None = None
    uow_id: str | None = None
    user_id: str | None = None
    # True for interactions of Tocsin itself, and for those that an admin imports.
    may_be_from_tocsin: bool = False
    # Whether another installation recorded the interactions before.
    is_import: bool = False
    times: TimeBounds = ANY_TIME

    @property
    def shape(self) -> type[InteractionDraft]:
        return ImportedDraft if self.is_import else InteractionDraft
