"""What a request says of all its interactions, and which timestamps it may give them."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.model.interactions.interaction import ImportedDraft, InteractionDraft
from tocsin.model.interactions.time_bounds import ANY_TIME, TimeBounds


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a request says of all its interactions: when it came, its headers, and whether they
    were recorded by another installation before."""

    received: int
    timestamp: str | None = None
    uow_id: str | None = None
    user_id: str | None = None
    # Tocsin's own, and what an admin imports from another installation.
    may_be_from_tocsin: bool = False
    is_import: bool = False
    times: TimeBounds = ANY_TIME

    @property
    def shape(self) -> type[InteractionDraft]:
        return ImportedDraft if self.is_import else InteractionDraft
