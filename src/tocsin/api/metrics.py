"""Routes of metric definitions: list, read, create, replace, delete; types, and payload fields.

`calculations.py` has the routes that calculate them. The contract is "Interaction metrics" in
docs/reference/api.md.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, created, decode, json_response
from tocsin.api.definitions import definition_of
from tocsin.api.dependencies import App, CurrentActor
from tocsin.api.openapi import describes, describes_patch, patch_of, schema_of
from tocsin.api.pooled import pooled
from tocsin.api.schemas.metrics import FieldReportResponse, MetricResponse, MetricType
from tocsin.api.search_parameters import ScopeQuery
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.redaction import Treatment, redactions_within
from tocsin.model.interactions.scope import Scope
from tocsin.model.key import Role
from tocsin.model.merge_patch import patched
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.draft import MetricDraft, read_metric
from tocsin.model.metrics.metric import Metric
from tocsin.process.optimistic_locking import retry_changed
from tocsin.runtime import Runtime

PATH = "/api/interaction-metrics"
EXAMPLE = {
    "name": "Failed logins (5m)",
    "metricType": "COUNT",
    "filters": [{"field": "interaction.success", "operator": "eq", "value": False}],
    "timeWindow": "5m",
    "groupBy": ["interaction.country"],
}
# A definition needs a type and, unless it is previewed, a name.
PREVIEW_SCHEMA = {
    "allOf": [
        schema_of(MetricDraft),
        {"anyOf": [{"required": ["metricTypeId"]}, {"required": ["metricType"]}]},
    ]
}
_SAVED_SCHEMA = {"allOf": [*PREVIEW_SCHEMA["allOf"], {"required": ["name"]}]}
_DEFINITION: dict[str, Any] = {"body": _SAVED_SCHEMA, "example": EXAMPLE}
_FIELDS = {
    "anyOf": [{"type": "array", "items": {"type": "string"}}, schema_of([FieldReportResponse])]
}
reads, changes = requires(Role.READ), requires(Role.ADMIN)
router = APIRouter(prefix=PATH, tags=["Interaction metrics"])


@router.get("", **reads, **describes([MetricResponse], "All metrics, oldest first"))
def list_metrics(runtime: App) -> Response:
    """List all metrics."""
    catalog = runtime.catalog
    return json_response([MetricResponse.of(metric, catalog) for metric in runtime.metrics.all()])


@router.get("/types", **reads, **describes([MetricType], "All types"))
def list_metric_types() -> Response:
    """List the metric types. Their ids are the same in every installation."""
    return json_response([MetricType.of(aggregation) for aggregation in Aggregation])


@router.get("/fields/discover", **reads, **describes(_FIELDS, "The fields, sorted"))
@pooled("questions")
def discover_fields(
    runtime: App,
    scope: ScopeQuery,
    detail: Annotated[bool, Query(description="With types, counts and examples.")] = False,
) -> Response:
    """List the payload fields that occur, in the interactions of a scope if one is given.

    With details, a field that a resource type of the scope redacts has `redact`. Examples are cut
    after 320 characters; a field with such an example has `truncated`. If there are more than
    10,000 fields, the response lists the most frequent ones and has the header
    `x-truncated: true`. If more than ten million interactions are recorded, the fields and their
    occurrences may be those of a sample; then the header `x-sample: 20000/40000000` has its size
    and that of the scope."""
    if detail:
        reports, sample = runtime.discovery.details(scope)
        redacted = _redacted(runtime, scope, [report.field for report in reports])
        response = json_response(
            [FieldReportResponse.of(each, redacted.get(each.field)) for each in reports]
        )
    else:
        fields, sample = runtime.discovery.fields(scope)
        response = json_response([str(field) for field in fields])
    if runtime.discovery.has_many_fields:
        response.headers["x-truncated"] = "true"
    if sample:
        response.headers["x-sample"] = str(sample)
    return response


def _redacted(runtime: Runtime, scope: Scope, fields: list[Field]) -> dict[Field, Treatment]:
    by_type = runtime.catalog.redactions
    id = scope.resource_type_id
    redactions = by_type.get(id.bytes, ()) if id else [rule for r in by_type.values() for rule in r]
    return redactions_within(redactions, fields)


@router.get("/{id:uuid}", **reads, **describes(MetricResponse, "The metric", problems=[404]))
def get_metric(runtime: App, id: UUID) -> Response:
    """Get one metric."""
    return json_response(MetricResponse.of(runtime.metrics.get(id), runtime.catalog))


@router.post(
    "",
    **changes,
    **describes(MetricResponse, "Created", status=201, problems=[409], **_DEFINITION),
)
def create_metric(runtime: App, actor: CurrentActor, body: Body) -> Response:
    """Create a metric. A 422 lists every problem of the definition."""
    draft, question = read_metric(decode(body), runtime.catalog)
    metric = runtime.metric_service.create(draft, question, actor)
    return created(_saved(runtime, metric), PATH, metric.metric_id)


@router.put(
    "/{id:uuid}",
    **changes,
    **describes(MetricResponse, "Replaced", problems=[404, 409], **_DEFINITION),
)
def replace_metric(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Replace a metric. A member that is left out has the default of a new metric."""
    runtime.metrics.get(id)
    draft, question = read_metric(decode(body), runtime.catalog)
    metric = runtime.metric_service.replace(id, draft, question, actor)
    return json_response(_saved(runtime, metric))


@router.patch(
    "/{id:uuid}",
    **changes,
    **describes_patch(MetricResponse, [404, 409], patch_of(MetricDraft), {"enabled": False}),
)
def patch_metric(runtime: App, actor: CurrentActor, id: UUID, body: Body) -> Response:
    """Change members of a metric; null removes one. A mnemonic replaces the stored id, and an id
    the stored mnemonic. Members of a side are changed likewise; a list is replaced as a whole."""
    runtime.metrics.get(id)
    patch = decode(body)

    def change() -> Metric:
        former = runtime.metrics.get(id)
        document = definition_of(MetricResponse.of(former, runtime.catalog), MetricDraft)
        draft, question = read_metric(patched(document, patch), runtime.catalog)
        return runtime.metric_service.replace(id, draft, question, actor, former)

    return json_response(_saved(runtime, retry_changed(change)))


@router.delete(
    "/{id:uuid}", **changes, **describes(None, "Deleted", status=204, problems=[404, 409])
)
def delete_metric(runtime: App, actor: CurrentActor, id: UUID) -> Response:
    """Delete a metric that no alert watches."""
    runtime.metric_service.delete(id, actor)
    return Response(status_code=204)


def _saved(runtime: Runtime, metric: Metric) -> MetricResponse:
    warnings = runtime.definition_warnings.of(metric.question)
    return MetricResponse.of(metric, runtime.catalog, warnings)
