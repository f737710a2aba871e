"""The page of a metric: its chart, its rows, its definition to copy, and its query's cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.row_formats import RowFormat
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.metrics.answer import Answer, Reading
from tocsin.model.metrics.metric import Metric
from tocsin.web import formatting
from tocsin.web.address_parameters import reads
from tocsin.web.charts import RANGES, chart, read_range
from tocsin.web.downloads import as_file, as_json
from tocsin.web.metric_export import as_curl, as_yaml, definition_of
from tocsin.web.pages.metrics import PATH
from tocsin.web.pagination import ListPage, paginate
from tocsin.web.rendering import HEADERS, Pages, Reader, Site
from tocsin.web.routing import PageRouter, run_on

_ROWS = 10_000


router = PageRouter()


@router.get(PATH + "/{id:uuid}", **reads("from", "to"))
@run_on("questions")
def metric(
    pages: Site,
    request: Request,
    _viewer: Reader,
    id: UUID,
    range: str | None = None,
    sort: str | None = None,
    page: int = 1,
) -> Response:
    runtime, query = pages.runtime, request.query_params
    metric, now = runtime.metrics.get(id), runtime.now()
    over = read_range(range, query.get("from"), query.get("to"), now)
    question = metric.question
    series = runtime.calculator.series(question, over.start, over.to, over.step)
    answer = runtime.calculator.calculate(question, now, _ROWS)
    definition = definition_of(runtime, metric)
    return pages.render(
        request,
        "metric.html",
        metric=metric,
        sentence=formatting.sentence(question, runtime.catalog),
        over=over,
        ranges=RANGES,
        chart=chart(series, question),
        answer=answer,
        downloaded=ANSWERED_GROUPS,
        alerts=pages.alert_status.of_metric(id),
        metrics=runtime.metrics.all(),
        listing=_listing(metric, answer, sort, page, {"range": range or ""}),
        yaml=as_yaml(definition),
        curl=as_curl(definition, f"{request.url.scheme}://{request.url.netloc}"),
    )


@router.get(PATH + "/{id:uuid}/explain")
@run_on("questions")
def explain(pages: Site, request: Request, _viewer: Reader, id: UUID) -> Response:
    runtime = pages.runtime
    explanation = runtime.calculator.explain(runtime.metrics.get(id).question, runtime.now())
    return pages.render(request, "explanation.html", explanation=explanation)


@router.get(PATH + "/{id:uuid}/rows.csv")
@run_on("questions")
def rows_as_csv(pages: Site, _viewer: Reader, id: UUID) -> Response:
    content = as_file(*_calculate(pages, id), RowFormat.CSV)
    return _file(content, "text/csv; charset=utf-8", f"{id}.csv")


@router.get(PATH + "/{id:uuid}/rows.parquet")
@run_on("questions")
def rows_as_parquet(pages: Site, _viewer: Reader, id: UUID) -> Response:
    content = as_file(*_calculate(pages, id), RowFormat.PARQUET)
    return _file(content, RowFormat.PARQUET.media_type, f"{id}.parquet")


@router.get(PATH + "/{id:uuid}/rows.json")
@run_on("questions")
def rows_as_json(pages: Site, _viewer: Reader, id: UUID) -> Response:
    return _file(as_json(*_calculate(pages, id)), "application/json", f"{id}.json")


def _calculate(pages: Pages, id: UUID) -> tuple[Metric, Answer]:
    """A metric and all rows that a download holds."""
    runtime = pages.runtime
    metric = runtime.metrics.get(id)
    return metric, runtime.calculator.calculate(metric.question, runtime.now(), ANSWERED_GROUPS)


def _listing(
    metric: Metric, answer: Answer, sort: str | None, page: int, query: dict[str, str]
) -> ListPage[Reading]:
    """A page of the rows, by descending value unless the viewer chose another order."""
    orders: dict[str, Callable[[Reading], Any]] = {
        "value": lambda reading: (reading.value is not None, reading.value or 0),
        **{key: partial(_text_order, key) for key in metric.question.dimensions},
    }
    return paginate(answer.readings, orders, sort or "-value", page, **query)


def _text_order(dimension: str, reading: Reading) -> tuple[bool, str]:
    """Sorts by the text of a dimension; missing texts come last."""
    text = (reading.dimensions or {})[dimension]
    return text is None, (text or "").casefold()


def _file(content: bytes, media_type: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    return Response(
        content, headers={**HEADERS, "Content-Disposition": disposition}, media_type=media_type
    )
