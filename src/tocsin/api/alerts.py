"""Alerts as they are defined: list, read, add, replace, delete; their groups and transitions.

Evaluating and trying them is in `alert_evaluations.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from tocsin.api.auth import actor_of, requires
from tocsin.api.bodies import Body, answer, created, decode
from tocsin.api.openapi import documented, schema_of
from tocsin.api.parameters import OptionalInstant
from tocsin.api.pooled import pooled
from tocsin.api.schemas import alerts
from tocsin.api.schemas.alerts import shown, shown_group, shown_transition
from tocsin.model.alerts.draft import AlertDraft, read_alert
from tocsin.model.cursor import read_cursor, write_cursor
from tocsin.model.instant import to_milliseconds
from tocsin.model.key import Role
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
SAVED = {
    "allOf": [
        schema_of(AlertDraft),
        {"required": ["title", "metricId", "operator", "threshold"]},
        {"anyOf": [{"required": ["alertActionId"]}, {"required": ["alertAction"]}]},
    ]
}
From = Annotated[
    OptionalInstant, Query(alias="from", description="The first instant that is included.")
]
To = Annotated[OptionalInstant, Query(description="The first instant that is not.")]
Page = Annotated[int, Query(ge=1, le=MAX_PAGE, description="At most so many.")]


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Interaction alerts"])
    _add_reading(router, runtime)
    _add_history(router, runtime)
    _add_changing(router, runtime)
    return router


def _add_reading(router: APIRouter, runtime: Runtime) -> None:
    reads = requires(Role.READ)

    @router.get("", **reads, **documented([alerts.Alert], "Every alert, the first made first"))
    def list_alerts() -> Response:
        """List all alerts, with the health of each."""
        statuses = runtime.evaluations.statuses()
        alerts = [alert for alert in runtime.alerts.all() if alert.alert_id in statuses]
        return answer([shown(runtime, alert, statuses[alert.alert_id]) for alert in alerts])

    @router.get("/{id:uuid}", **reads, **documented(alerts.Alert, "The alert", problems=[404]))
    def get_alert(id: UUID) -> Response:
        """Get one alert. Its health says whether it can be evaluated, apart from its states."""
        return _answered(runtime, id)

    @router.get(
        "/{id:uuid}/states",
        **reads,
        **documented([alerts.AlertGroup], "Its groups, firing ones first", problems=[404]),
    )
    @pooled(runtime.pools.questions)
    def list_states(id: UUID) -> Response:
        """The groups of an alert as of its last evaluation, each with its status and value."""
        groups = runtime.evaluator.groups(runtime.alerts.get(id))
        return answer([shown_group(group) for group in groups])


def _add_history(router: APIRouter, runtime: Runtime) -> None:
    reads = requires(Role.READ)

    @router.get(
        "/transitions",
        **reads,
        **documented(alerts.Transitions, "A page, the newest first", problems=[422]),
    )
    def list_all_transitions(
        from_: From = None, to: To = None, limit: Page = DEFAULT_PAGE, cursor: str | None = None
    ) -> Response:
        """What fired and recovered, of all alerts, of those too that were deleted since."""
        return _page(runtime, None, from_, to, limit, cursor)

    @router.get(
        "/{id:uuid}/transitions",
        **reads,
        **documented(alerts.Transitions, "A page, the newest first", problems=[404, 422]),
    )
    def list_transitions(
        id: UUID,
        from_: From = None,
        to: To = None,
        limit: Page = DEFAULT_PAGE,
        cursor: str | None = None,
    ) -> Response:
        """When an alert fired and recovered, and why."""
        return _page(runtime, runtime.alerts.get(id).alert_id, from_, to, limit, cursor)


def _add_changing(router: APIRouter, runtime: Runtime) -> None:
    changes = requires(Role.ADMIN)

    @router.post(
        "",
        **changes,
        **documented(
            alerts.Alert,
            "Created",
            status=201,
            body=SAVED,
            example=EXAMPLE,
            problems=[409],
        ),
    )
    def create_alert(request: Request, body: Body) -> Response:
        """Create an alert and, if it is enabled, evaluate it immediately. A 422 lists every problem
        of the definition."""
        draft = read_alert(decode(body), runtime.catalog, runtime.metrics)
        alert = runtime.alert_service.create(draft, actor_of(request))
        evaluation = runtime.evaluations.status(alert.alert_id)
        return created(shown(runtime, alert, evaluation), PATH, alert.alert_id)

    @router.put(
        "/{id:uuid}",
        **changes,
        **documented(alerts.Alert, "Replaced", body=SAVED, example=EXAMPLE, problems=[404, 409]),
    )
    def replace_alert(request: Request, id: UUID, body: Body) -> Response:
        """Replace an alert. Another metric, operator or threshold resolves what fires with the
        reason `changed`, disabling with `disabled`; enabling evaluates it immediately."""
        runtime.alerts.get(id)
        draft = read_alert(decode(body), runtime.catalog, runtime.metrics)
        runtime.alert_service.replace(id, draft, actor_of(request))
        return _answered(runtime, id)

    @router.delete(
        "/{id:uuid}", **changes, **documented(None, "Deleted", status=204, problems=[404])
    )
    def delete_alert(request: Request, id: UUID) -> Response:
        """Delete an alert. What fires ends with the reason `disabled`; its transitions stay."""
        runtime.alert_service.delete(id, actor_of(request))
        return Response(status_code=204)


def _answered(runtime: Runtime, id: UUID) -> Response:
    evaluation = runtime.evaluations.status(id)
    return answer(shown(runtime, runtime.alerts.get(id), evaluation))


def _page(
    runtime: Runtime,
    alert_id: UUID | None,
    start: datetime | None,
    to: datetime | None,
    limit: int,
    cursor: str | None,
) -> Response:
    after = read_cursor(cursor) if cursor is not None else None
    found = runtime.transitions.page(limit + 1, after, alert_id=alert_id, start=start, to=to)
    last = found[limit - 1] if len(found) > limit else None
    following = last and write_cursor(to_milliseconds(last.change.at), last.number)
    shown = [shown_transition(made) for made in found[:limit]]
    return answer({"transitions": shown, "nextCursor": following})
