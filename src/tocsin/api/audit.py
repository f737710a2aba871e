"""Routes of the audit trail, and of the histories of metrics and alerts.

The contract is "Audit" in docs/reference/api.md.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator

from tocsin.api import alerts, metrics
from tocsin.api.auth import requires
from tocsin.api.bodies import json_response
from tocsin.api.dependencies import App
from tocsin.api.openapi import describes
from tocsin.api.parameters import OptionalId, OptionalInstant, PageLimit
from tocsin.api.schemas.audit import (
    AuditEntryResponse,
    AuditTrailResponse,
    HistoryResponse,
    VersionResponse,
)
from tocsin.model.audit.entry import AuditAction, AuditFilter, AuditSubject
from tocsin.model.cursor import position_of, write_position
from tocsin.model.key import Role
from tocsin.runtime import Runtime

PATH = "/api/audit"
_TAG = "Audit"

AuditFrom = Annotated[OptionalInstant, Query(alias="from", description="The first instant.")]
AuditTo = Annotated[OptionalInstant, Query(description="The end, exclusive.")]
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
_Text = Annotated[str | None, _EMPTY_IS_NONE]
_HISTORY = describes(HistoryResponse, "A page, newest first", problems=[404])

router = APIRouter()


@router.get(
    PATH,
    tags=[_TAG],
    **requires(Role.ADMIN),
    **describes(AuditTrailResponse, "A page, newest first"),
)
def list_audit_entries(
    runtime: App,
    from_: AuditFrom = None,
    to: AuditTo = None,
    kind: Annotated[AuditSubject | None, _EMPTY_IS_NONE, Query()] = None,
    id: OptionalId = None,
    action: Annotated[AuditAction | None, _EMPTY_IS_NONE, Query()] = None,
    keyId: OptionalId = None,  # noqa: N803
    keyName: _Text = None,  # noqa: N803
    limit: PageLimit = 100,
    cursor: str | None = None,
) -> Response:
    """List changes and other actions, newest first, each with its key and the definition before and
    after. A row is written in the transaction of its change."""
    filter = AuditFilter(from_, to, action, kind, id, keyId, keyName)
    entries, position = runtime.audit.page(limit, filter, position_of(cursor))
    shown = [AuditEntryResponse.of(entry) for entry in entries]
    return json_response(AuditTrailResponse(shown, write_position(position)))


@router.get(
    metrics.PATH + "/{id:uuid}/history",
    tags=["Interaction metrics"],
    **requires(Role.READ),
    **_HISTORY,
)
def list_versions_of_a_metric(
    runtime: App, id: UUID, limit: PageLimit = 100, cursor: str | None = None
) -> Response:
    """List the definitions that a metric has had, also if it was deleted."""
    return _history(runtime, AuditSubject.METRIC, id, limit, cursor)


@router.get(
    alerts.PATH + "/{id:uuid}/history",
    tags=["Interaction alerts"],
    **requires(Role.READ),
    **_HISTORY,
)
def list_versions_of_an_alert(
    runtime: App, id: UUID, limit: PageLimit = 100, cursor: str | None = None
) -> Response:
    """List the definitions that an alert has had, also if it was deleted."""
    return _history(runtime, AuditSubject.ALERT, id, limit, cursor)


def _history(
    runtime: Runtime, kind: AuditSubject, id: UUID, limit: int, cursor: str | None
) -> Response:
    versions, position = runtime.definition_history.page(kind, id, limit, position_of(cursor))
    shown = [VersionResponse.of(version) for version in versions]
    return json_response(HistoryResponse(shown, write_position(position)))
