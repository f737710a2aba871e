"""All metrics with their values: searched, sorted, switched on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.bodies import Body
from tocsin.errors import TocsinError
from tocsin.model.metrics.metric import Answer, Metric
from tocsin.runtime import Runtime
from tocsin.web import formatting
from tocsin.web.address_parameters import reads
from tocsin.web.charts import HEIGHT, WIDTH
from tocsin.web.dashboard import Board, Values
from tocsin.web.forms import Form
from tocsin.web.pagination import part_of
from tocsin.web.rendering import HEADERS, Admin, Pages, Reader, go_to
from tocsin.web.routing import page_router

PATH = "/web/metrics"
_LOWEST = float("-inf")


@dataclass(frozen=True, slots=True)
class Row:
    """A metric with what it is worth now: an answer, why there is none, or None if disabled."""

    metric: Metric
    sentence: str
    answer: Answer | TocsinError | None

    @property
    def error(self) -> str | None:
        return str(self.answer) if isinstance(self.answer, TocsinError) else None

    @property
    def value(self) -> float:
        """The first value, for sorting."""
        found = self.answer.readings if isinstance(self.answer, Answer) else []
        value = found[0].value if found else None
        return _LOWEST if value is None else value


_ORDERS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row.metric.name.casefold(),
    "value": lambda row: row.value,
    "type": lambda row: row.metric.question.aggregation,
    "changed": lambda row: row.metric.modified_date,
}


def routes(pages: Pages, board: Board) -> APIRouter:
    router = page_router(pages)
    runtime = pages.runtime

    @router.get(PATH)
    async def metrics(
        request: Request, _viewer: Reader, q: str = "", sort: str | None = None, page: int = 1
    ) -> Response:
        values = await board.values()

        def show() -> Response:
            part = part_of(_found(runtime, values, q), _ORDERS, sort, page, q=q)
            any_metric = bool(runtime.metrics.all())
            return pages.show(request, "metrics.html", part=part, q=q, any_metric=any_metric)

        return await runtime.pools.pages.run(show)

    @router.post(PATH + "/calculate-all")
    def calculate_all(_viewer: Reader) -> Response:
        board.forget()
        return go_to(PATH)

    @router.post(PATH + "/{id:uuid}/enabled")
    def switch_metric(viewer: Admin, id: UUID, body: Body) -> Response:
        runtime.metric_service.enable(id, viewer.actor, enabled=Form(body).has("enabled"))
        board.forget()
        return go_to(PATH)

    # The version is for the browser's cache alone.
    @router.get(PATH + "/{id:uuid}/trend.svg", **reads("version"))
    async def trend(_viewer: Reader, id: UUID) -> Response:
        """In one colour that stands out on light and dark: a picture knows no theme."""
        points = await board.trend(id)
        size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        line = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}><polyline fill="none" '
            'stroke="#2596a3" stroke-width="1.5" stroke-linejoin="round" '
            f'points="{points}"/></svg>'
        )
        headers = {**HEADERS, "Cache-Control": "private, max-age=300"}
        return Response(line, headers=headers, media_type="image/svg+xml")

    return router


def rows_of(runtime: Runtime, values: Values, metrics: Iterable[Metric]) -> list[Row]:
    of, catalog = values.of, runtime.catalog
    return [
        Row(metric, formatting.sentence(metric.question, catalog), of.get(metric.metric_id))
        for metric in metrics
    ]


def _found(runtime: Runtime, values: Values, searched: str) -> list[Row]:
    """The metrics in whose name, description or sentence all searched words occur."""
    rows = rows_of(runtime, values, runtime.metrics.all())
    wanted = searched.casefold().split()
    return [row for row in rows if all(word in _searchable(row) for word in wanted)]


def _searchable(row: Row) -> str:
    return f"{row.metric.name} {row.metric.description or ''} {row.sentence}".casefold()
