"""The route that exposes the values of metrics and the firing alerts to Prometheus.

The contract is "Service" in docs/reference/api.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import APIRouter, Response

from tocsin.api.auth import requires
from tocsin.api.dependencies import App, AppObservations
from tocsin.api.openapi import describes
from tocsin.api.pooled import pooled
from tocsin.api.prometheus_text import CONTENT_TYPE, Gauge, Labels, Number, dimension_labels
from tocsin.errors import TocsinError
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import Status
from tocsin.model.key import Role
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.metric import Metric
from tocsin.runtime import Runtime

MAX_ROWS = 1_000
"""Of each metric, and of the firing groups of each alert."""

_PROMETHEUS = describes(None, "Prometheus text", problems=[503])
_PROMETHEUS["responses"][200]["content"] = {"text/plain": {"schema": {"type": "string"}}}

_Sample = tuple[Labels, Number]
_Answers = Sequence[tuple[Metric, Answer | TocsinError]]

router = APIRouter(tags=["Service"])


@router.get("/metrics/values", **requires(Role.READ), **_PROMETHEUS)
@pooled("questions")
def exposed_values(runtime: App, observations: AppObservations) -> Response:
    """The values of the enabled metrics with `expose`, and the firing groups of alerts, as
    Prometheus reads them. A metric has at most 1,000 rows; values that are null are left out."""
    metrics = [metric for metric in runtime.metrics.all() if metric.enabled and metric.expose]
    with observations.calculating("expose"):
        questions = [metric.question for metric in metrics]
        answers = runtime.calculator.calculate_all(questions, runtime.now(), MAX_ROWS)
    families = [*_of_metrics(list(zip(metrics, answers, strict=True))), _of_alerts(runtime)]
    text = "".join(line for family in families for line in family.lines())
    return Response(text, media_type=CONTENT_TYPE)


def _of_metrics(answers: _Answers) -> Iterator[Gauge]:
    yield Gauge("tocsin_metric_value", "Value of a metric.", _values(answers))
    yield Gauge(
        "tocsin_metric_failed",
        "1 if the metric could not be calculated; its values are missing then.",
        [(_labels(metric), int(isinstance(answer, TocsinError))) for metric, answer in answers],
    )
    yield Gauge(
        "tocsin_metric_rows_cut",
        f"Rows of the metric that are missing because it has more than {MAX_ROWS:,}.",
        [
            (_labels(metric), max((answer.group_count or 0) - MAX_ROWS, 0))
            for metric, answer in answers
            if isinstance(answer, Answer)
        ],
    )


def _values(answers: _Answers) -> Iterator[_Sample]:
    for metric, answer in answers:
        if isinstance(answer, TocsinError):
            continue
        labels = {**_labels(metric), "unit": answer.unit or ""}
        for reading in answer.readings:
            if reading.value is not None:
                yield {**labels, **dimension_labels(reading.dimensions)}, reading.value


def _labels(metric: Metric) -> Labels:
    """Names are not unique, so the id is a label too."""
    return {"metric": metric.name, "metric_id": str(metric.metric_id)}


def _of_alerts(runtime: Runtime) -> Gauge:
    return Gauge(
        "tocsin_alert_firing",
        "1 for each firing group of an alert; 0, without dimensions, for an alert without one.",
        [sample for alert, groups in _firing(runtime) for sample in _samples(alert, groups)],
    )


def _firing(runtime: Runtime) -> Iterator[tuple[Alert, list[Labels]]]:
    """The enabled alerts, each with the labels of its firing groups."""
    alerts = [alert for alert in runtime.alerts.all() if alert.enabled]
    stored = runtime.evaluations.stored_states([alert.alert_id for alert in alerts])
    for alert in alerts:
        if alert.alert_id in stored:
            states = stored[alert.alert_id].states.values()
            firing = [state.dimensions for state in states if state.status is Status.FIRING]
            yield alert, [dimension_labels(dimensions) for dimensions in firing[:MAX_ROWS]]


def _samples(alert: Alert, groups: Sequence[Labels]) -> Iterator[_Sample]:
    labels = {
        "alert": alert.title,
        "alert_id": str(alert.alert_id),
        "severity": alert.severity.value,
    }
    if not groups:
        yield labels, 0
    for dimensions in groups:
        yield {**labels, **dimensions}, 1
