"""The list of metrics with their values: searched, sorted, enabled and disabled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from tocsin.api.bodies import Body
from tocsin.errors import TocsinError
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.metric import Metric
from tocsin.runtime import Runtime
from tocsin.web import formatting
from tocsin.web.address_parameters import reads
from tocsin.web.charts import HEIGHT, WIDTH
from tocsin.web.dashboard import MetricValues
from tocsin.web.forms import Form
from tocsin.web.pagination import paginate
from tocsin.web.rendering import HEADERS, Admin, Pages, Reader, Site, redirect
from tocsin.web.routing import PageRouter

PATH = "/web/metrics"
_LOWEST = float("-inf")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric with its current answer, the error of its calculation, or None if disabled."""

    metric: Metric
    sentence: str
    answer: Answer | TocsinError | None

    @property
    def error(self) -> str | None:
        return str(self.answer) if isinstance(self.answer, TocsinError) else None

    @property
    def value(self) -> float:
        """The first value, for sorting."""
        readings = self.answer.readings if isinstance(self.answer, Answer) else []
        value = readings[0].value if readings else None
        return _LOWEST if value is None else value


_ORDERS: dict[str, Callable[[MetricRow], Any]] = {
    "name": lambda row: row.metric.name.casefold(),
    "value": lambda row: row.value,
    "type": lambda row: row.metric.question.aggregation,
    "changed": lambda row: row.metric.modified_date,
}


router = PageRouter()


@router.get(PATH)
async def metrics(
    pages: Site,
    request: Request,
    _viewer: Reader,
    q: str = "",
    sort: str | None = None,
    page: int = 1,
) -> Response:
    values = await pages.dashboard.values()
    render = partial(_list, pages, request, values, q, sort, page)
    return await pages.runtime.pools.pages.run(render)


@router.post(PATH + "/calculate-all")
def calculate_all(pages: Site, _viewer: Reader) -> Response:
    pages.dashboard.forget()
    return redirect(PATH)


@router.post(PATH + "/{id:uuid}/enabled")
def switch_metric(pages: Site, viewer: Admin, id: UUID, body: Body) -> Response:
    pages.runtime.metric_service.enable(id, viewer.actor, enabled=Form(body).has("enabled"))
    pages.dashboard.forget()
    return redirect(PATH)


# The parameter `version` only keeps browsers from using a cached picture of an old definition.
@router.get(PATH + "/{id:uuid}/trend.svg", **reads("version"))
async def trend(pages: Site, _viewer: Reader, id: UUID) -> Response:
    """A sparkline, in one colour that is visible on light and dark: a picture has no theme."""
    points = await pages.dashboard.trend(id)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    line = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><path fill="none" '
        'stroke="#2596a3" stroke-width="1.5" stroke-linejoin="round" '
        f'stroke-linecap="round" d="{points}"/></svg>'
    )
    headers = {**HEADERS, "Cache-Control": "private, max-age=300"}
    return Response(line, headers=headers, media_type="image/svg+xml")


def rows_of(runtime: Runtime, values: MetricValues, metrics: Iterable[Metric]) -> list[MetricRow]:
    answers, catalog = values.by_metric, runtime.catalog
    return [
        MetricRow(
            metric, formatting.sentence(metric.question, catalog), answers.get(metric.metric_id)
        )
        for metric in metrics
    ]


def _list(
    pages: Pages,
    request: Request,
    values: MetricValues,
    search: str,
    sort: str | None,
    page: int,
) -> Response:
    metrics = pages.runtime.metrics.all()
    words = search.casefold().split()
    rows = rows_of(pages.runtime, values, metrics)
    matching = [row for row in rows if all(word in _searchable(row) for word in words)]
    listing = paginate(matching, _ORDERS, sort, page, q=search)
    return pages.render(
        request, "metrics.html", listing=listing, q=search, any_metric=bool(metrics)
    )


def _searchable(row: MetricRow) -> str:
    return f"{row.metric.name} {row.metric.description or ''} {row.sentence}".casefold()
