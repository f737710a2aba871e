"""Routes that evaluate alerts immediately, or over the past.

The contract is "Evaluation" in docs/reference/alerts.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.alerting.backtest import BacktestInput
from tocsin.api.alerts import EXAMPLE, PATH
from tocsin.api.auth import requires
from tocsin.api.bodies import Body, decode, json_response
from tocsin.api.dependencies import App, AppObservations
from tocsin.api.openapi import describes, schema_of
from tocsin.api.pooled import pooled
from tocsin.api.schemas.alerts import Backtest, Evaluation, EvaluationsResponse
from tocsin.errors import Conflict, InvalidInput
from tocsin.model.alerts.backtest import BacktestDraft, read_backtest, within
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


router = APIRouter(prefix=PATH, tags=["Interaction alerts"])


@router.post(
    "/{id:uuid}/evaluate",
    **requires(Role.ADMIN),
    **describes(Evaluation, "The result", problems=[404, 409]),
)
@pooled("questions")
def evaluate_alert(runtime: App, observations: AppObservations, id: UUID) -> Response:
    """Evaluate an alert immediately, apart from its slots."""
    alert = runtime.alerts.get(id)
    if not alert.enabled:
        raise Conflict("This alert is disabled: enable it, or use a backtest")
    at = runtime.now()
    with observations.calculating("evaluate"):
        results = runtime.evaluator.evaluate([id], at)
    if not results:
        raise Conflict("This alert was changed meanwhile; evaluate it again")
    return json_response(Evaluation.of(results[0]))


@router.post(
    "/evaluate-all",
    **requires(Role.ADMIN),
    **describes(EvaluationsResponse, "The result of each"),
)
@pooled("questions")
def evaluate_all_alerts(runtime: App, observations: AppObservations) -> Response:
    """Evaluate every enabled alert immediately, as of the same instant."""
    at = runtime.now()
    enabled = [alert.alert_id for alert in runtime.alerts.all() if alert.enabled]
    with observations.calculating("evaluate-all"):
        results = runtime.evaluator.evaluate(enabled, at)
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
    what live evaluations at those instants would have come to."""
    draft = read_backtest(decode(body))
    backtest = _input_of(runtime, draft)
    with observations.calculating("backtest"):
        histories = runtime.backtester.backtest(backtest, draft.span)
        return json_response(Backtest.of(histories, draft.span.points))


def _input_of(runtime: Runtime, draft: BacktestDraft) -> BacktestInput:
    if draft.definition is None:
        alert = runtime.alerts.get(_id(draft.alert_id))
        question = runtime.metrics.get(alert.metric_id).question
        return BacktestInput(alert.rule, question, alert.evaluation_delay.length)
    try:
        definition = read_alert(draft.definition, runtime.catalog, runtime.metrics, is_saved=False)
    except InvalidInput as error:
        raise within(error) from error
    assert definition.metric_id, "read_alert requires it"
    question = runtime.metrics.get(definition.metric_id).question
    delay = definition.evaluation_delay.length if definition.evaluation_delay else timedelta()
    return BacktestInput(definition.rule, question, delay)


def _id(given: Any) -> UUID:
    id = uuid_of(given)
    if id is None:
        raise InvalidInput.at("alertId", "must be a UUID")
    return id
