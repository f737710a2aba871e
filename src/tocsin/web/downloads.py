"""Formats the rows of an answer as files: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
from typing import Any

from tocsin.api.bodies import json_response
from tocsin.model.instant import format_instant
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.rules import SIDES

# Spreadsheets read these as the beginning of a formula, or skip them before one (OWASP, "CSV
# injection"); Japanese and Chinese Excel treat full-width signs the same.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")
_MARK = "'"


def as_csv(metric: Metric, answer: Answer) -> bytes:
    """A line for each group, in UTF-8. A missing text is an empty cell; empty texts are marked."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    is_ratio = metric.question.aggregation is Aggregation.RATIO
    columns = ("value", *SIDES) if is_ratio else ("value",)
    writer.writerow([*metric.question.dimensions, *columns])
    for reading in answer.readings:
        texts = (reading.dimensions or {}).values()
        values = (getattr(reading, column) for column in columns)
        writer.writerow([*map(_cell, texts), *("" if v is None else v for v in values)])
    return file.getvalue().encode()


def as_json(metric: Metric, answer: Answer) -> bytes:
    """The rows in the format of the API, with the number of groups if rows were cut."""
    cut = {"truncated": True, "groupCount": answer.group_count} if answer.group_count else {}
    content: dict[str, Any] = {
        "metricName": metric.name,
        "calculatedAt": format_instant(answer.at),
        "results": answer.readings,
        **cut,
    }
    return bytes(json_response(content).body)


def _cell(text: str | None) -> str:
    """The text, with an apostrophe before it if it is empty, begins a formula, or looks like a
    marked text. So different texts have different cells."""
    if text is None:
        return ""
    bare = text.lstrip(_MARK)
    return f"{_MARK}{text}" if not bare or bare.startswith(_FORMULA) else text
