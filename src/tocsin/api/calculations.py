"""Routes that calculate metrics: one, all, a definition that is not saved, and over time.

The contract is "Interaction metrics" in docs/reference/api.md.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, decode, json_response
from tocsin.api.dependencies import App, AppObservations
from tocsin.api.metric_rows import ROWS_CONTENT, cut_header, rows_response
from tocsin.api.metrics import EXAMPLE, PATH, PREVIEW_SCHEMA
from tocsin.api.openapi import describes, schema_of
from tocsin.api.parameters import At, Limit
from tocsin.api.pooled import pooled
from tocsin.api.row_formats import RowFormat, row_objects
from tocsin.api.row_tables import table_of_series
from tocsin.api.schemas.calculations import (
    Calculation,
    CalculationOfAll,
    Calculations,
    ExplanationResponse,
    SeriesResponse,
)
from tocsin.model.key import Role
from tocsin.model.metrics.answer import DEFAULT_LIMIT, Series
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.question import Question
from tocsin.model.time_range import Span, read_span
from tocsin.runtime import Runtime

_SPAN_EXAMPLE = {
    "from": "2026-03-20T00:00:00.000Z",
    "to": "2026-03-21T00:00:00.000Z",
    "step": "5m",
}


ROWS = "rows"
SeriesFormat = Annotated[
    Literal["rows", "csv", "ndjson", "parquet"] | None,
    Query(description="Flat rows instead of lines."),
]
_ROW = {
    "type": "object",
    "properties": {
        "time": {"type": "string", "format": "date-time"},
        "value": {"type": ["number", "null"]},
    },
    "required": ["time", "value"],
    "additionalProperties": {"type": ["string", "null"]},
}
_SERIES = describes(
    {"anyOf": [schema_of(SeriesResponse), {"type": "array", "items": _ROW}]},
    "The lines, or flat rows",
    body=Span,
    example=_SPAN_EXAMPLE,
    problems=[404],
)
_SERIES["responses"][200]["content"].update(ROWS_CONTENT)

reads = requires(Role.READ)
router = APIRouter(prefix=PATH, tags=["Calculations"])


@router.post(
    "/{id:uuid}/calculate", **reads, **describes(Calculation, "The rows", problems=[404, 422])
)
@pooled("questions")
def calculate_metric(
    runtime: App,
    observations: AppObservations,
    id: UUID,
    at: At = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Calculate one metric, enabled or not, as of now or of `at`."""
    metric = runtime.metrics.get(id)
    question = metric.question
    with observations.calculating("calculate"):
        answer = runtime.calculator.calculate(question, at or runtime.now(), limit)
    return json_response(
        Calculation.of(metric.metric_id, metric.name, question.aggregation, answer)
    )


@router.post(
    "/calculate-all",
    **reads,
    **describes(Calculations, "The rows of each metric, or its error", problems=[422]),
)
@pooled("questions")
def calculate_all_metrics(
    runtime: App, observations: AppObservations, at: At = None, limit: Limit = DEFAULT_LIMIT
) -> Response:
    """Calculate every enabled metric as of the same instant. A metric that fails has an `error`,
    and does not affect the others."""
    at = at or runtime.now()
    metrics = [metric for metric in runtime.metrics.all() if metric.enabled]
    with observations.calculating("calculate-all"):
        answers = runtime.calculator.calculate_all([m.question for m in metrics], at, limit)
    results = [CalculationOfAll.of(*pair, at) for pair in zip(metrics, answers, strict=True)]
    return json_response(Calculations.of(results))


@router.post(
    "/preview", **reads, **describes(Calculation, "The rows", body=PREVIEW_SCHEMA, example=EXAMPLE)
)
@pooled("questions")
def preview_metric(
    runtime: App,
    observations: AppObservations,
    body: Body,
    at: At = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Calculate a definition that is not saved; it needs no name."""
    draft, question = read_metric(decode(body), runtime.catalog, name_required=False)
    with observations.calculating("preview"):
        answer = runtime.calculator.calculate(question, at or runtime.now(), limit)
    warnings = runtime.definition_warnings.of(question)
    return json_response(Calculation.of(None, draft.name, question.aggregation, answer, warnings))


@router.post(
    "/{id:uuid}/series",
    **reads,
    **_SERIES,
)
@pooled("questions")
def calculate_series(
    runtime: App, observations: AppObservations, id: UUID, body: Body, format: SeriesFormat = None
) -> Response:
    """Calculate a metric at `to`, `to - step` and so on while later than `from`: at most 2,000
    points. Each has the value that calculate answers as of that instant; a metric without a window
    covers one step at each point. With a `timezone` and the step `1d`, the points are the midnights
    of that zone.

    With `format` the answer is flat: one row for each point and group, oldest first, with `time`,
    the dimensions and `value`; `rows` is a JSON array, and `x-truncated: true` says that lines were
    cut."""
    metric = runtime.metrics.get(id)
    span = read_span(decode(body))
    with observations.calculating("series"):
        series = _series(runtime, metric.question, span)
    if format is None:
        return json_response(SeriesResponse.of(metric, series))
    table = table_of_series(metric, series)
    if format != ROWS:
        return rows_response(table, RowFormat(format))
    response = json_response(list(row_objects(table)))
    response.headers.update(cut_header(table))
    return response


def _series(runtime: Runtime, question: Question, span: Span) -> Series:
    calculator = runtime.calculator
    if span.timezone is not None:
        return calculator.series_by_days(question, span.start, span.to, span.timezone)
    return calculator.series(question, span.start, span.to, span.step.length)


@router.get(
    "/{id:uuid}/explain",
    **reads,
    **describes(ExplanationResponse, "The query and its cost", problems=[404, 422]),
)
@pooled("questions")
def explain_metric(
    runtime: App, observations: AppObservations, id: UUID, at: At = None
) -> Response:
    """Get the SQL of a metric with its bound parameters, and the rows and bytes that one run read.

    With `fromRollup`, a calculation adds up cached partial aggregates by minute, hour, day and
    month instead, and reads only the edges of its window."""
    question = runtime.metrics.get(id).question
    with observations.calculating("explain"):
        explanation = runtime.calculator.explain(question, at or runtime.now())
    return json_response(ExplanationResponse.of(explanation))
