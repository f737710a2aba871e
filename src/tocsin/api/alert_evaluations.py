"""Routes that evaluate alerts immediately, or over the past.

The contract is "Evaluation" in docs/reference/alerts.md.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.api.alerts import EXAMPLE, PATH
from tocsin.api.auth import requires
from tocsin.api.bodies import Body, decode, json_response
from tocsin.api.dependencies import App, AppObservations, CurrentActor
from tocsin.api.openapi import describes, schema_of
from tocsin.api.pooled import pooled
from tocsin.api.schemas.alerts import Evaluation, EvaluationsResponse
from tocsin.api.schemas.backtests import Backtest
from tocsin.errors import InvalidInput
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.backtest import BacktestDraft, read_backtest, with_body_paths
from tocsin.model.alerts.draft import AlertDraft, read_alert
from tocsin.model.key import Role
from tocsin.model.metrics.rules import uuid_of
from tocsin.runtime import Runtime

_DEFINITION_SCHEMA = {
    "allOf": [schema_of(AlertDraft), {"required": ["metricId", "operator", "threshold"]}],
}
_SPAN = {
    "from": {"type": "string", "format": "date-time"},
    "to": {"type": "string", "format": "date-time"},
    "step": {"type": "string", "examples": ["1m"]},
}
_BACKTEST = {
    "type": "object",
    "properties": {
        "alert": _DEFINITION_SCHEMA,
        "alertId": {"type": "string", "format": "uuid"},
        **_SPAN,
    },
    "required": ["from", "to", "step"],
    "oneOf": [{"required": ["alert"]}, {"required": ["alertId"]}],
    "additionalProperties": False,
}
_BACKTEST_EXAMPLE = {
    "alert": EXAMPLE,
    "from": "2026-03-01T00:00:00.000Z",
    "to": "2026-03-31T00:00:00.000Z",
    "step": "1m",
}


_NOT_STORED = UUID(int=0)

router = APIRouter(prefix=PATH, tags=["Interaction alerts"])


@router.post(
    "/{id:uuid}/evaluate",
    **requires(Role.ADMIN),
    **describes(Evaluation, "The result", problems=[404, 409]),
)
@pooled("questions")
def evaluate_alert(
    runtime: App, observations: AppObservations, actor: CurrentActor, id: UUID
) -> Response:
    """Evaluate an alert immediately, apart from its slots."""
    with observations.calculating("evaluate"):
        return json_response(Evaluation.of(runtime.alert_service.evaluate(id, actor)))


@router.post(
    "/evaluate-all",
    **requires(Role.ADMIN),
    **describes(EvaluationsResponse, "The result of each"),
)
@pooled("questions")
def evaluate_all_alerts(
    runtime: App, observations: AppObservations, actor: CurrentActor
) -> Response:
    """Evaluate every enabled alert immediately, as of the same instant."""
    with observations.calculating("evaluate-all"):
        results = runtime.alert_service.evaluate_all(actor)
    evaluations = [Evaluation.of(result) for result in results]
    return json_response(EvaluationsResponse(len(evaluations), evaluations))


@router.post(
    "/backtest",
    **requires(Role.READ),
    **describes(
        Backtest,
        "The history that each group would have had",
        body=_BACKTEST,
        example=_BACKTEST_EXAMPLE,
        problems=[404],
    ),
)
@pooled("questions")
def backtest_alert(runtime: App, observations: AppObservations, body: Body) -> Response:
    """Evaluate an alert over the past: at `to`, `to - step` and so on while later than `from`.

    The alert is a saved one, or a definition, which needs no title and no action. The answer is
    what live evaluations at those instants would have come to, and the number of messages that each
    subscription or channel would have got, by the subscriptions and silences of today."""
    draft = read_backtest(decode(body))
    alert = _alert_of(runtime, draft)
    with observations.calculating("backtest"):
        histories = runtime.alert_service.backtest(alert, draft.span)
        forecast = runtime.message_forecaster.forecast(alert, runtime.metrics.get(alert.metric_id))
        return json_response(Backtest.of(histories, draft.span, forecast))


def _alert_of(runtime: Runtime, draft: BacktestDraft) -> Alert:
    if draft.definition is None:
        return runtime.alerts.get(_id(draft.alert_id))
    try:
        definition = read_alert(
            draft.definition, runtime.catalog, runtime.metrics, runtime.channels, is_saved=False
        )
    except InvalidInput as error:
        raise with_body_paths(error) from error
    return definition.alert(_NOT_STORED, runtime.now(), runtime.now())


def _id(given: Any) -> UUID:
    id = uuid_of(given)
    if id is None:
        raise InvalidInput.at("alertId", "must be a UUID")
    return id
