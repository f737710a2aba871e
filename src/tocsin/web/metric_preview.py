"""What a definition would say, before anything is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request, Response

from tocsin.api.problems import retry_after
from tocsin.errors import Busy, Problem, TocsinError
from tocsin.model.metrics.metric import Answer, Explanation, Question
from tocsin.runtime import Runtime
from tocsin.web import formatting
from tocsin.web.charts import Range, chart
from tocsin.web.forms import Form
from tocsin.web.rendering import Pages

ROWS = 10
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Preview:
    sentence: str
    answer: Answer
    chart: dict[str, Any]
    explanation: Explanation

    @property
    def groups(self) -> int:
        return self.answer.group_count or len(self.answer.readings)


def preview_of(runtime: Runtime, question: Question) -> Preview:
    """Its rows now, its last day, its query; raises what a calculation raises."""
    at, calculator = runtime.now(), runtime.calculator
    day = Range("24h", at - _DAY, at)
    series = calculator.series(question, day.start, day.to, day.step)
    return Preview(
        sentence=formatting.sentence(question, runtime.catalog),
        answer=calculator.calculate(question, at, ROWS),
        chart=chart(series, question),
        explanation=calculator.explain(question, at),
    )


async def run_preview(
    pages: Pages, request: Request, template: str, show: Callable[[], Response]
) -> Response:
    """Run a preview on the pool of questions; while that is full, the fragment says so."""
    try:
        return await pages.runtime.pools.questions.run(show)
    except Busy as error:
        refusal = Complaints([], [Problem("", error.detail)])
        page = pages.show(request, template, error.status, found=None, complaints=refusal)
        page.headers.update(retry_after(error))
        return page


@dataclass(frozen=True, slots=True)
class Complaints:
    """Why there is no preview: what is not filled in yet, and what is wrong."""

    lacking: list[str]
    wrong: list[Problem]


_LABELS = {
    "metricId": "a metric",
    "threshold": "a threshold",
    "field": "a field",
    "timeWindow": "a time window",
}
_VALUE = "the value of a condition"


def complaints(form: Form, error: TocsinError) -> Complaints:
    """What is wrong with a form; nobody did anything wrong in a field that is still empty."""
    problems = error.problems or [Problem("", error.detail)]
    lacking = [p for p in problems if p.field and form.is_empty(p.field)]
    labels = [_LABELS.get(p.field, _VALUE if "[" in p.field else p.field) for p in lacking]
    return Complaints(list(dict.fromkeys(labels)), [p for p in problems if p not in lacking])
