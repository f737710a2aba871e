"""Alerts are evaluated at once, and tried over the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.alerting.backtest import BacktestInput, GroupHistory
from tocsin.api.alerts import EXAMPLE, PATH
from tocsin.api.auth import requires
from tocsin.api.bodies import Body, answer, decode
from tocsin.api.openapi import documented, schema_of
from tocsin.api.pooled import pooled
from tocsin.api.schemas import alerts
from tocsin.api.schemas.alerts import shown_finding, shown_past
from tocsin.api.telemetry import Observations
from tocsin.errors import Conflict, InvalidInput
from tocsin.model.alerts.backtest import BacktestDraft, read_backtest, within
from tocsin.model.alerts.draft import AlertDraft, read_alert
from tocsin.model.key import Role
from tocsin.model.metrics.rules import uuid_of
from tocsin.runtime import Runtime

MAX_TRANSITIONS = 100_000
_TRIED = {
    "allOf": [schema_of(AlertDraft), {"required": ["metricId", "operator", "threshold"]}],
}
_SPAN = {
    "from": {"type": "string", "format": "date-time"},
    "to": {"type": "string", "format": "date-time"},
    "step": {"type": "string", "examples": ["1m"]},
}
_BACKTEST = {
    "type": "object",
    "properties": {"alert": _TRIED, "alertId": {"type": "string", "format": "uuid"}, **_SPAN},
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


def routes(runtime: Runtime, observations: Observations) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Interaction alerts"])
    _add_evaluating(router, runtime, observations)
    _add_backtest(router, runtime, observations)
    return router


def _add_evaluating(router: APIRouter, runtime: Runtime, observations: Observations) -> None:
    changes = requires(Role.ADMIN)

    @router.post(
        "/{id:uuid}/evaluate",
        **changes,
        **documented(alerts.Evaluation, "What was found", problems=[404, 409]),
    )
    @pooled(runtime.pools.questions)
    def evaluate_alert(id: UUID) -> Response:
        """Evaluate an alert at once, apart from its slots."""
        alert = runtime.alerts.get(id)
        if not alert.enabled:
            raise Conflict("This alert is disabled: enable it, or try it with a backtest")
        at = runtime.now()
        with observations.calculating("evaluate"):
            findings = runtime.evaluator.evaluate([id], at)
        if not findings:
            raise Conflict("This alert was changed meanwhile; evaluate it again")
        return answer(shown_finding(findings[0]))

    @router.post(
        "/evaluate-all",
        **changes,
        **documented(alerts.Evaluations, "What was found of each"),
    )
    @pooled(runtime.pools.questions)
    def evaluate_all_alerts() -> Response:
        """Evaluate every enabled alert at once, as of the same instant."""
        at = runtime.now()
        enabled = [alert.alert_id for alert in runtime.alerts.all() if alert.enabled]
        with observations.calculating("evaluate-all"):
            findings = runtime.evaluator.evaluate(enabled, at)
        return answer(
            {"evaluated": len(findings), "results": [shown_finding(one) for one in findings]}
        )


def _add_backtest(router: APIRouter, runtime: Runtime, observations: Observations) -> None:
    @router.post(
        "/backtest",
        **requires(Role.READ),
        **documented(
            alerts.Backtest,
            "What each group would have done",
            body=_BACKTEST,
            example=_BACKTEST_EXAMPLE,
            problems=[404],
        ),
    )
    @pooled(runtime.pools.questions)
    def backtest_alert(body: Body) -> Response:
        """When would an alert have fired, evaluated at `to`, `to - step` and so on while later
        than `from`? The alert is one that is saved, or a definition, which needs no title and no
        action. The answer is what evaluating it live at those instants would have come to."""
        draft = read_backtest(decode(body))
        trial = _trial(runtime, draft)
        with observations.calculating("backtest"):
            return answer(_summed_up(runtime.backtester.backtest(trial, draft.span), draft))


def _trial(runtime: Runtime, draft: BacktestDraft) -> BacktestInput:
    if draft.definition is None:
        alert = runtime.alerts.get(_id(draft.alert_id))
        question = runtime.metrics.get(alert.metric_id).question
        return BacktestInput(alert.rule, question, alert.evaluation_delay.length)
    try:
        tried = read_alert(draft.definition, runtime.catalog, runtime.metrics, is_saved=False)
    except InvalidInput as error:
        raise within(error) from error
    assert tried.metric_id, "read_alert requires it"
    question = runtime.metrics.get(tried.metric_id).question
    delay = tried.evaluation_delay.length if tried.evaluation_delay else timedelta()
    return BacktestInput(tried.rule, question, delay)


def _id(given: Any) -> UUID:
    id = uuid_of(given)
    if id is None:
        raise InvalidInput.at("alertId", "must be a UUID")
    return id


def _summed_up(pasts: Iterable[GroupHistory], draft: BacktestDraft) -> dict[str, Any]:
    groups = fired = listed = 0
    firing = timedelta()
    results = []
    is_cut = False
    for past in pasts:
        groups += 1
        fired += past.fired
        firing += past.firing
        listed += len(past.changes)
        is_cut = is_cut or listed > MAX_TRANSITIONS
        if past.changes and not is_cut:
            results.append(shown_past(past))
    return {
        "evaluations": draft.span.points,
        "groups": groups,
        "fired": fired,
        "firingSeconds": firing.total_seconds(),
        "results": results,
        **({"truncated": True} if is_cut else {}),
    }
