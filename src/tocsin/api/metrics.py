"""Metrics as they are defined: list, read, add, replace, delete; types, and fields to choose from.

What a metric is worth is in `calculations.py`.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from tocsin.api.auth import actor_of, requires
from tocsin.api.bodies import Body, answer, created, decode
from tocsin.api.openapi import documented, schema_of
from tocsin.api.pooled import pooled
from tocsin.api.schemas import metrics
from tocsin.api.search_parameters import Scoped
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.filter import UNARY, Filter
from tocsin.model.key import Role
from tocsin.model.metrics.draft import MetricDraft, read_metric
from tocsin.model.metrics.metric import Aggregation, FieldReport, Metric
from tocsin.runtime import Runtime

PATH = "/api/interaction-metrics"
EXAMPLE = {
    "name": "Failed logins (5m)",
    "metricType": "COUNT",
    "filters": [{"field": "interaction.success", "operator": "eq", "value": False}],
    "timeWindow": "5m",
    "groupBy": ["interaction.country"],
}
# What has a name and a type; a preview may leave the name out.
PREVIEWED = {
    "allOf": [
        schema_of(MetricDraft),
        {"anyOf": [{"required": ["metricTypeId"]}, {"required": ["metricType"]}]},
    ]
}
_SAVED = {"allOf": [*PREVIEWED["allOf"], {"required": ["name"]}]}
_FIELDS = {
    "anyOf": [{"type": "array", "items": {"type": "string"}}, schema_of([metrics.FieldReport])]
}
_WORDS = {
    Aggregation.COUNT: ("Count", "How many interactions match."),
    Aggregation.SUM: ("Sum", "The sum of a field's numbers."),
    Aggregation.AVG: ("Average", "The mean of a field's numbers."),
    Aggregation.MIN: ("Minimum", "The least of a field's numbers."),
    Aggregation.MAX: ("Maximum", "The greatest of a field's numbers."),
    Aggregation.DISTINCT_COUNT: ("Distinct Count", "How many different texts a field has, exact."),
    Aggregation.RATE: ("Rate", "Matching interactions per minute, hour or day of the window."),
}


def routes(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Interaction metrics"])
    _add_reading(router, runtime)
    _add_changing(router, runtime)
    return router


def _add_reading(router: APIRouter, runtime: Runtime) -> None:
    reads = requires(Role.READ)

    @router.get("", **reads, **documented([metrics.Metric], "Every metric, the first made first"))
    def list_metrics() -> Response:
        """List all metrics."""
        return answer([shown(runtime, metric) for metric in runtime.metrics.all()])

    @router.get("/types", **reads, **documented([metrics.MetricType], "Every type"))
    def list_metric_types() -> Response:
        """List the metric types. Their ids are the same in every installation."""
        return answer([_type(aggregation) for aggregation in Aggregation])

    @router.get(
        "/fields/discover",
        **reads,
        **documented(_FIELDS, "The fields, sorted"),
    )
    @pooled(runtime.pools.questions)
    def discover_fields(
        scope: Scoped,
        detail: Annotated[bool, Query(description="With types, counts and examples.")] = False,
    ) -> Response:
        """List the payload fields that occur, in the interactions of a scope if one is given.

        Examples are cut after 320 characters; a field of which one was cut has `truncated`. Where
        there are more than 10,000 fields, it lists the commonest and has the header
        `x-truncated: true`."""
        if detail:
            reports = runtime.discovery.details(*scope)
            response = answer([_report(report) for report in reports])
        else:
            response = answer([str(field) for field in runtime.discovery.fields(*scope)])
        if runtime.discovery.has_many_fields:
            response.headers["x-truncated"] = "true"
        return response

    @router.get("/{id:uuid}", **reads, **documented(metrics.Metric, "The metric", problems=[404]))
    def get_metric(id: UUID) -> Response:
        """Get one metric."""
        return answer(shown(runtime, runtime.metrics.get(id)))


def _add_changing(router: APIRouter, runtime: Runtime) -> None:
    changes = requires(Role.ADMIN)

    @router.post(
        "",
        **changes,
        **documented(
            metrics.Metric, "Created", status=201, body=_SAVED, example=EXAMPLE, problems=[409]
        ),
    )
    def create_metric(request: Request, body: Body) -> Response:
        """Create a metric. Everything that is wrong with it is answered at once."""
        draft, question = read_metric(decode(body), runtime.catalog)
        metric = runtime.metric_service.create(draft, question, actor_of(request))
        return created(shown(runtime, metric), PATH, metric.metric_id)

    @router.put(
        "/{id:uuid}",
        **changes,
        **documented(metrics.Metric, "Replaced", body=_SAVED, example=EXAMPLE, problems=[404, 409]),
    )
    def replace_metric(request: Request, id: UUID, body: Body) -> Response:
        """Replace a metric: what is left out is as it is in a new one."""
        runtime.metrics.get(id)
        draft, question = read_metric(decode(body), runtime.catalog)
        metric = runtime.metric_service.replace(id, draft, question, actor_of(request))
        return answer(shown(runtime, metric))

    @router.delete(
        "/{id:uuid}", **changes, **documented(None, "Deleted", status=204, problems=[404, 409])
    )
    def delete_metric(request: Request, id: UUID) -> Response:
        """Delete a metric that no alert watches."""
        runtime.metric_service.delete(id, actor_of(request))
        return Response(status_code=204)


def shown(runtime: Runtime, metric: Metric) -> dict[str, Any]:
    """A metric as the API answers it."""
    question = metric.question
    return {
        "metricId": metric.metric_id,
        "name": metric.name,
        "description": metric.description,
        "metricTypeId": question.aggregation.type_id,
        "metricType": question.aggregation,
        **_scope(runtime, metric),
        "field": question.field and str(question.field),
        "filters": [_filter(filter) for filter in question.filters],
        "timeWindow": question.time_window and str(question.time_window),
        "groupBy": [str(field) for field in question.group_by],
        "enabled": metric.enabled,
        "createdDate": format_instant(metric.created_date),
        "modifiedDate": format_instant(metric.modified_date),
    }


def _scope(runtime: Runtime, metric: Metric) -> dict[str, Any]:
    """Ids, with the mnemonics they have now beside them."""
    question = metric.question
    ids = (question.resource_type_id, question.action_id, question.origin_id)
    scope: dict[str, Any] = {}
    for kind, id in zip(Kind, ids, strict=True):
        entry = runtime.catalog.by_id(kind, id) if id else None
        scope[kind.id_member] = id
        scope[kind.value] = entry and entry.mnemonic
    return scope


def _filter(filter: Filter) -> dict[str, Any]:
    said = {"field": str(filter.field), "operator": filter.operator}
    return said if filter.operator in UNARY else {**said, "value": filter.value}


def _type(aggregation: Aggregation) -> dict[str, Any]:
    name, description = _WORDS[aggregation]
    return {
        "metricTypeId": aggregation.type_id,
        "mnemonic": aggregation,
        "name": name,
        "description": description,
        "requiresField": aggregation.requires_field,
        "requiresTimeWindow": aggregation.requires_window,
    }


def _report(report: FieldReport) -> dict[str, Any]:
    return {
        "field": str(report.field),
        "types": report.types,
        "occurrences": report.occurrences,
        "examples": report.examples,
        **({"truncated": True} if report.truncated else {}),
        **({"promoted": True} if report.promoted else {}),
    }
