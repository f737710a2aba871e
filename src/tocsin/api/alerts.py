"""Routes of alert definitions: list, read, create, replace, delete; their groups and transitions.

`alert_evaluations.py` has the routes that evaluate and backtest them. The contract is "The alert"
and "States" in docs/reference/alerts.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, created, decode, json_response
from tocsin.api.definitions import definition_of
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes, describes_patch, patch_of, schema_of
from tocsin.api.parameters import OptionalInstant
from tocsin.api.pooled import pooled
from tocsin.api.schemas.alerts import (
    AlertGroup,
    AlertResponse,
    TransitionResponse,
    TransitionsResponse,
)
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.draft import AlertDraft, read_alert
from tocsin.model.cursor import read_cursor, write_cursor
from tocsin.model.instant import to_milliseconds
from tocsin.model.key import Role
from tocsin.model.merge_patch import patched
from tocsin.process.optimistic_locking import retry_changed
from tocsin.runtime import Runtime

PATH = "/api/interaction-alerts"
DEFAULT_PAGE, MAX_PAGE = 100, 1_000
EXAMPLE = {
    "title": "Many failed logins",
    "metricId": "0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d",
    "operator": "gt",
    "threshold": 20,
    "for": "2m",
    "alertAction": "fired",
    "recoveryAction": "recovered",
    "severity": "critical",
}
_SAVED_SCHEMA = {
    "allOf": [
        schema_of(AlertDraft),
        {"required": ["title", "metricId", "operator", "threshold"]},
        {"anyOf": [{"required": ["alertActionId"]}, {"required": ["alertAction"]}]},
    ]
}
From = Annotated[
    OptionalInstant, Query(alias="from", description="The first instant of the range.")
]
To = Annotated[OptionalInstant, Query(description="The end of the range, exclusive.")]
Page = Annotated[int, Query(ge=1, le=MAX_PAGE, description="The page size.")]


_SPEC: dict[str, Any] = {"body": _SAVED_SCHEMA, "example": EXAMPLE}
_READS, _CHANGES = requires(Role.READ), requires(Role.ADMIN)

router = APIRouter(prefix=PATH, tags=["Interaction alerts"])


@router.get("", **_READS, **describes([AlertResponse], "All alerts, oldest first"))
def list_alerts(runtime: App) -> Response:
    """List all alerts, with the health of each."""
    statuses = runtime.evaluations.statuses()
    alerts = [alert for alert in runtime.alerts.all() if alert.alert_id in statuses]
    return json_response(
        [AlertResponse.of(each, statuses[each.alert_id], runtime.catalog) for each in alerts]
    )


@router.get("/{id:uuid}", **_READS, **describes(AlertResponse, "The alert", problems=[404]))
def get_alert(runtime: App, id: UUID) -> Response:
    """Get one alert. Its health says whether it can be evaluated, apart from its states."""
    return json_response(_response(runtime, runtime.alerts.get(id)))


@router.get(
    "/{id:uuid}/states",
    **_READS,
    **describes([AlertGroup], "Its groups, firing ones first", problems=[404]),
)
@pooled("questions")
def list_states(runtime: App, id: UUID) -> Response:
    """The groups of an alert as of its last evaluation, each with its status and value."""
    groups = runtime.alert_service.groups(id)
    return json_response([AlertGroup.of(group) for group in groups])


@router.get(
    "/transitions",
    **_READS,
    **describes(TransitionsResponse, "A page, newest first", problems=[422]),
)
def list_all_transitions(
    runtime: App,
    from_: From = None,
    to: To = None,
    limit: Page = DEFAULT_PAGE,
    cursor: str | None = None,
) -> Response:
    """The transitions of all alerts, including alerts that were deleted since."""
    return _page(runtime, None, from_, to, limit, cursor)


@router.get(
    "/{id:uuid}/transitions",
    **_READS,
    **describes(TransitionsResponse, "A page, newest first", problems=[404, 422]),
)
def list_transitions(
    runtime: App,
    id: UUID,
    from_: From = None,
    to: To = None,
    limit: Page = DEFAULT_PAGE,
    cursor: str | None = None,
) -> Response:
    """When an alert fired and recovered, and why."""
    return _page(runtime, runtime.alerts.get(id).alert_id, from_, to, limit, cursor)


@router.post(
    "", **_CHANGES, **describes(AlertResponse, "Created", status=201, problems=[409], **_SPEC)
)
def create_alert(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Create an alert and, if it is enabled, evaluate it immediately. A 422 lists every problem
    of the definition."""
    draft = read_alert(decode(body), runtime.catalog, runtime.metrics, runtime.channels)
    alert = runtime.alert_service.create(draft, actor)
    return created(_response(runtime, alert), PATH, alert.alert_id)


@router.put(
    "/{id:uuid}", **_CHANGES, **describes(AlertResponse, "Replaced", problems=[404, 409], **_SPEC)
)
def replace_alert(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Replace an alert. Another metric, operator, threshold or guard resolves its firing groups
    with the reason `changed`, disabling it with `disabled`; enabling it evaluates it
    immediately."""
    runtime.alerts.get(id)
    draft = read_alert(decode(body), runtime.catalog, runtime.metrics, runtime.channels)
    return json_response(_response(runtime, runtime.alert_service.replace(id, draft, actor)))


@router.patch(
    "/{id:uuid}",
    **_CHANGES,
    **describes_patch(AlertResponse, [404, 409], patch_of(AlertDraft), {"enabled": False}),
)
def patch_alert(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Change members of an alert; null removes one. A mnemonic replaces the stored id, and an id
    the stored mnemonic. The states of its groups follow as for a PUT."""
    runtime.alerts.get(id)
    patch = decode(body)

    def change() -> Alert:
        former = runtime.alerts.get(id)
        document = patched(definition_of(_response(runtime, former), AlertDraft), patch)
        draft = read_alert(document, runtime.catalog, runtime.metrics, runtime.channels)
        return runtime.alert_service.replace(id, draft, actor, former)

    return json_response(_response(runtime, retry_changed(change)))


@router.delete("/{id:uuid}", **_CHANGES, **describes(None, "Deleted", status=204, problems=[404]))
def delete_alert(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Delete an alert. Its firing groups are resolved with the reason `disabled`; its transitions
    stay."""
    runtime.alert_service.delete(id, actor)
    return Response(status_code=204)


def _response(runtime: Runtime, alert: Alert) -> AlertResponse:
    evaluation = runtime.evaluations.status(alert.alert_id)
    return AlertResponse.of(alert, evaluation, runtime.catalog)


def _page(
    runtime: Runtime,
    alert_id: UUID | None,
    start: datetime | None,
    to: datetime | None,
    limit: int,
    cursor: str | None,
) -> Response:
    after = read_cursor(cursor) if cursor is not None else None
    page = runtime.transitions.page(limit + 1, after, alert_id=alert_id, start=start, to=to)
    last = page[limit - 1] if len(page) > limit else None
    following = write_cursor(to_milliseconds(last.change.at), last.number) if last else None
    transitions = [TransitionResponse.of(transition) for transition in page[:limit]]
    return json_response(TransitionsResponse(transitions, following))
