"""One metric: over time, its rows now, its definition to take away, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from tocsin.api.pooled import pooled
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.metrics.metric import Answer, Metric, Reading
from tocsin.web import formatting
from tocsin.web.address_parameters import reads
from tocsin.web.alert_status import Watch
from tocsin.web.charts import RANGES, chart, read_range
from tocsin.web.downloads import as_csv, as_json
from tocsin.web.metric_export import as_curl, as_yaml, definition_of
from tocsin.web.pages.metrics import PATH
from tocsin.web.pagination import part_of
from tocsin.web.rendering import HEADERS, Pages, Reader
from tocsin.web.routing import page_router

_ROWS = 10_000


def routes(pages: Pages, watch: Watch) -> APIRouter:
    router = page_router(pages)
    _add_looking(router, pages, watch)
    _add_taking(router, pages)
    return router


def _add_looking(router: APIRouter, pages: Pages, watch: Watch) -> None:
    runtime = pages.runtime

    @router.get(PATH + "/{id:uuid}", **reads("from", "to"))
    @pooled(runtime.pools.questions)
    def metric(
        request: Request,
        _viewer: Reader,
        id: UUID,
        range: str | None = None,
        sort: str | None = None,
        page: int = 1,
    ) -> Response:
        metric, now = runtime.metrics.get(id), runtime.now()
        asked = request.query_params
        over = read_range(range, asked.get("from"), asked.get("to"), now)
        question = metric.question
        series = runtime.calculator.series(question, over.start, over.to, over.step)
        found = runtime.calculator.calculate(question, now, _ROWS)
        definition = definition_of(runtime, metric)
        return pages.show(
            request,
            "metric.html",
            metric=metric,
            sentence=formatting.sentence(question, runtime.catalog),
            over=over,
            ranges=RANGES,
            chart=chart(series, question),
            found=found,
            downloaded=ANSWERED_GROUPS,
            alerts=watch.of_metric(id),
            part=_part(metric, found, sort, page, {"range": range or ""}),
            yaml=as_yaml(definition),
            curl=as_curl(definition, f"{request.url.scheme}://{request.url.netloc}"),
        )

    @router.get(PATH + "/{id:uuid}/explain")
    @pooled(runtime.pools.questions)
    def explain(request: Request, _viewer: Reader, id: UUID) -> Response:
        found = runtime.calculator.explain(runtime.metrics.get(id).question, runtime.now())
        return pages.show(request, "explanation.html", found=found)


def _add_taking(router: APIRouter, pages: Pages) -> None:
    runtime = pages.runtime

    def calculated(id: UUID) -> tuple[Metric, Answer]:
        metric = runtime.metrics.get(id)
        return metric, runtime.calculator.calculate(metric.question, runtime.now(), ANSWERED_GROUPS)

    @router.get(PATH + "/{id:uuid}/rows.csv")
    @pooled(runtime.pools.questions)
    def rows_as_csv(_viewer: Reader, id: UUID) -> Response:
        content = as_csv(*calculated(id))
        return _file(content, "text/csv; charset=utf-8", f"{id}.csv")

    @router.get(PATH + "/{id:uuid}/rows.json")
    @pooled(runtime.pools.questions)
    def rows_as_json(_viewer: Reader, id: UUID) -> Response:
        return _file(as_json(*calculated(id)), "application/json", f"{id}.json")


def _part(metric: Metric, found: Answer, sort: str | None, page: int, asked: dict[str, str]) -> Any:
    """The rows in an order of the viewer's choice; the metric's own is by value."""

    def by_text(key: str) -> Callable[[Reading], Any]:
        return lambda reading: _order((reading.dimensions or {})[key])

    orders: dict[str, Callable[[Reading], Any]] = {
        "value": lambda reading: (reading.value is not None, reading.value or 0),
        **{key: by_text(key) for key in metric.question.dimensions},
    }
    return part_of(found.readings, orders, sort or "-value", page, **asked)


def _order(text: str | None) -> tuple[bool, str]:
    return text is None, (text or "").casefold()


def _file(content: bytes, kind: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    return Response(
        content, headers={**HEADERS, "Content-Disposition": disposition}, media_type=kind
    )
