"""The preview of a metric: its rows, its last day and its query, before it is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request, Response

from tocsin.api.problems import retry_after
from tocsin.errors import Busy, Problem, TocsinError
from tocsin.model.alerts.guard_draft import ONLY_WHEN
from tocsin.model.metrics.answer import Answer, Explanation
from tocsin.model.metrics.question import Question
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
    warnings: Sequence[Problem]

    @property
    def groups(self) -> int:
        return self.answer.group_count or len(self.answer.readings)


def preview_of(runtime: Runtime, question: Question) -> Preview:
    """The preview of a question; raises the errors of a calculation."""
    at, calculator = runtime.now(), runtime.calculator
    day = Range("24h", at - _DAY, at)
    series = calculator.series(question, day.start, day.to, day.step)
    return Preview(
        sentence=formatting.sentence(question, runtime.catalog),
        answer=calculator.calculate(question, at, ROWS),
        chart=chart(series, question),
        explanation=calculator.explain(question, at),
        warnings=runtime.definition_warnings.of(question),
    )


async def run_preview(
    pages: Pages, request: Request, template: str, preview: Callable[[], Response]
) -> Response:
    """Run a preview on the pool of questions; answer a full pool with a fragment that says so."""
    try:
        return await pages.runtime.pools.questions.run(preview)
    except Busy as error:
        problems = PreviewProblems([], [Problem("", error.detail)])
        page = pages.render(request, template, error.status, preview_problems=problems)
        page.headers.update(retry_after(error))
        return page


@dataclass(frozen=True, slots=True)
class PreviewProblems:
    """The reasons why there is no preview: empty fields, and invalid ones."""

    missing: list[str]
    invalid: list[Problem]


_LABELS = {
    "metricId": "a metric",
    "threshold": "a threshold",
    "field": "a field",
    "timeWindow": "a time window",
    "timezone": "a time zone",
    "percentile": "a percentile",
    "compare.offset": "the time to compare with",
    "numerator.field": "a field of the numerator",
    "denominator.field": "a field of the denominator",
    "alertId": "the alerts to match",
    "to": "an end",
    "recurs.weekdays": "weekdays",
    "recurs.from": "a beginning",
    "recurs.to": "an end",
    "recurs.timezone": "a time zone",
}
_VALUE = "the value of a condition"


def preview_problems(form: Form, error: TocsinError) -> PreviewProblems:
    """Separates problems of fields that are still empty, which are not the viewer's mistakes."""
    problems = error.problems or [Problem("", error.detail)]
    missing = [problem for problem in problems if problem.field and form.is_empty(problem.field)]
    labels = [_label(problem.field) for problem in missing]
    invalid = [problem for problem in problems if problem not in missing]
    return PreviewProblems(list(dict.fromkeys(labels)), invalid)


def _label(field: str) -> str:
    if field.startswith(ONLY_WHEN):
        return "the metric and the threshold of a guard"
    return _LABELS.get(field, _VALUE if "[" in field else field)
