"""What metrics are worth: one, all, a definition that is not saved, over time; and how it is asked.

Answers are built as plain values and encoded once: a grouped metric has thousands of rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from tocsin.api.auth import requires
from tocsin.api.bodies import Body, answer, decode
from tocsin.api.metrics import EXAMPLE, PATH, PREVIEWED
from tocsin.api.openapi import documented
from tocsin.api.parameters import At, Limit
from tocsin.api.pooled import pooled
from tocsin.api.schemas import metrics
from tocsin.api.telemetry import Observations
from tocsin.errors import TocsinError
from tocsin.model.instant import format_instant
from tocsin.model.key import Role
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.metric import DEFAULT_LIMIT, Aggregation, Answer, Metric, Series
from tocsin.model.time_range import Span, read_span
from tocsin.runtime import Runtime

_SPAN_EXAMPLE = {
    "from": "2026-03-20T00:00:00.000Z",
    "to": "2026-03-21T00:00:00.000Z",
    "step": "5m",
}


def routes(runtime: Runtime, observations: Observations) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["Calculations"])
    _add_now(router, runtime, observations)
    _add_over_time(router, runtime, observations)
    return router


def _add_now(router: APIRouter, runtime: Runtime, observations: Observations) -> None:
    reads = requires(Role.READ)

    @router.post(
        "/{id:uuid}/calculate",
        **reads,
        **documented(metrics.Calculation, "Its rows", problems=[404, 422]),
    )
    @pooled(runtime.pools.questions)
    def calculate_metric(id: UUID, at: At = None, limit: Limit = DEFAULT_LIMIT) -> Response:
        """Calculate one metric, enabled or not, as of now or of `at`."""
        return calculate(runtime, observations, id, at, limit)

    @router.post(
        "/calculate-all",
        **reads,
        **documented(metrics.Calculations, "Each metric's rows, or its error", problems=[422]),
    )
    @pooled(runtime.pools.questions)
    def calculate_all_metrics(at: At = None, limit: Limit = DEFAULT_LIMIT) -> Response:
        """Calculate every enabled metric as of the same instant. One that fails has an `error`
        and takes no other down with it."""
        return calculate_all(runtime, observations, at, limit)

    @router.post(
        "/preview",
        **reads,
        **documented(metrics.Calculation, "Its rows", body=PREVIEWED, example=EXAMPLE),
    )
    @pooled(runtime.pools.questions)
    def preview_metric(body: Body, at: At = None, limit: Limit = DEFAULT_LIMIT) -> Response:
        """Calculate a definition that is not saved; it needs no name."""
        return preview(runtime, observations, body, at, limit)


def calculate(
    runtime: Runtime, observations: Observations, id: UUID, at: datetime | None, limit: int
) -> Response:
    metric = runtime.metrics.get(id)
    with observations.calculating("calculate"):
        found = runtime.calculator.calculate(metric.question, at or runtime.now(), limit)
    return answer({**_named(metric), **_calculated(found)})


def calculate_all(
    runtime: Runtime, observations: Observations, at: datetime | None, limit: int
) -> Response:
    at = at or runtime.now()
    enabled = [metric for metric in runtime.metrics.all() if metric.enabled]
    with observations.calculating("calculate-all"):
        found = runtime.calculator.calculate_all([m.question for m in enabled], at, limit)
    results = [_one_of_all(*pair, at) for pair in zip(enabled, found, strict=True)]
    failed = sum("error" in result for result in results)
    return answer({"calculated": len(results) - failed, "results": results})


def preview(
    runtime: Runtime, observations: Observations, body: bytes, at: datetime | None, limit: int
) -> Response:
    draft, question = read_metric(decode(body), runtime.catalog, name_required=False)
    with observations.calculating("preview"):
        found = runtime.calculator.calculate(question, at or runtime.now(), limit)
    return answer({**_heading(None, draft.name, question.aggregation), **_calculated(found)})


def _add_over_time(router: APIRouter, runtime: Runtime, observations: Observations) -> None:
    reads = requires(Role.READ)

    @router.post(
        "/{id:uuid}/series",
        **reads,
        **documented(metrics.Series, "Its lines", body=Span, example=_SPAN_EXAMPLE, problems=[404]),
    )
    @pooled(runtime.pools.questions)
    def calculate_series(id: UUID, body: Body) -> Response:
        """A metric's value at `to`, `to - step` and so on while later than `from`: at most 2,000
        points. Each is what calculate answers as of that instant; without a window it counts
        within each step."""
        metric = runtime.metrics.get(id)
        span = read_span(decode(body))
        with observations.calculating("series"):
            found = runtime.calculator.series(
                metric.question, span.start, span.to, span.step.length
            )
        return answer({**_named(metric), **_over_time(found, metric)})

    @router.get(
        "/{id:uuid}/explain",
        **reads,
        **documented(metrics.Explanation, "The query and its cost", problems=[404, 422]),
    )
    @pooled(runtime.pools.questions)
    def explain_metric(id: UUID, at: At = None) -> Response:
        """The SQL that a metric runs, with its bound parameters, and what one real run read.

        With `fromRollup`, a calculation adds up partial results that are kept by minute, hour, day
        and month instead, and reads only the edges of its window."""
        question = runtime.metrics.get(id).question
        with observations.calculating("explain"):
            found = runtime.calculator.explain(question, at or runtime.now())
        return answer(
            {
                "sql": found.sql,
                "parameters": found.parameters,
                "promoted": [str(field) for field in found.promoted],
                "rowsRead": found.rows_read,
                "bytesRead": found.bytes_read,
                "elapsedMs": round(found.elapsed_ms, 3),
                "fromRollup": found.from_rollup,
            }
        )


def _heading(id: UUID | None, name: str | None, aggregation: Aggregation) -> dict[str, Any]:
    return {"metricId": id, "metricName": name, "metricType": aggregation}


def _named(metric: Metric) -> dict[str, Any]:
    return _heading(metric.metric_id, metric.name, metric.question.aggregation)


def _calculated(found: Answer) -> dict[str, Any]:
    return {
        "calculatedAt": format_instant(found.at),
        **_unit(found.unit),
        # Readings are encoded as they are: their members are what an answer's rows have.
        "results": found.readings,
        **_cut(found.group_count),
    }


def _one_of_all(metric: Metric, found: Answer | TocsinError, at: datetime) -> dict[str, Any]:
    if isinstance(found, TocsinError):
        return {**_named(metric), "calculatedAt": format_instant(at), "error": str(found)}
    readings = found.readings
    return {
        **_named(metric),
        **_calculated(found),
        "resultCount": len(readings),
        "sampleValue": readings[0].value if readings else None,
    }


def _over_time(found: Series, metric: Metric) -> dict[str, Any]:
    # All lines have the same points, so each instant is written once.
    instants = [format_instant(at) for at, _ in found.lines[0].points] if found.lines else []
    lines = [
        {
            "dimensions": line.dimensions,
            "points": [
                {"at": at, "value": value}
                for at, (_, value) in zip(instants, line.points, strict=True)
            ],
        }
        for line in found.lines
    ]
    return {**_unit(metric.question.unit), "series": lines, **_cut(found.group_count)}


def _unit(unit: str | None) -> dict[str, str]:
    return {"unit": unit} if unit else {}


def _cut(group_count: int | None) -> dict[str, Any]:
    return {} if group_count is None else {"truncated": True, "groupCount": group_count}
