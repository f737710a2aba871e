"""The route that lists what fires now.

The contract is "The groups that fire" in docs/reference/alerts.md.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from tocsin.api.alerts import PATH
from tocsin.api.auth import requires
from tocsin.api.bodies import json_response
from tocsin.api.dependencies import App
from tocsin.api.openapi import describes
from tocsin.api.parameters import PageLimit
from tocsin.api.schemas.firing import FiringResponse
from tocsin.model.alerts.firing import FiringPosition
from tocsin.model.key import Role

router = APIRouter(prefix=PATH, tags=["Interaction alerts"])


@router.get(
    "/firing",
    **requires(Role.READ),
    **describes(FiringResponse, "A page, the most severe first, then the latest", problems=[422]),
)
def list_firing_groups(runtime: App, limit: PageLimit = 100, cursor: str | None = None) -> Response:
    """List the groups of all alerts that fire now, and whether a silence holds their
    notifications back."""
    after = FiringPosition.of_cursor(cursor) if cursor is not None else None
    return json_response(FiringResponse.of(runtime.firing_list.page(limit + 1, after), limit))
