"""What would a definition say, before anything is saved?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tocsin.model.metric import Answer, Explanation, Question
from tocsin.runtime import Runtime
from tocsin.web import words
from tocsin.web.charts import Range, chart

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
        sentence=words.sentence(question, runtime.catalog),
        answer=calculator.calculate(question, at, ROWS),
        chart=chart(series, question),
        explanation=calculator.explain(question, at),
    )
