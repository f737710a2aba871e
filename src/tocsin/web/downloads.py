"""Writes the rows of an answer as a file to take away: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
from typing import Any

from tocsin.api.bodies import json_response
from tocsin.model.instant import format_instant
from tocsin.model.metrics.metric import Answer, Metric

# What spreadsheets take for the beginning of a formula, or skip on the way to one (OWASP, "CSV
# injection"); Japanese and Chinese Excel read the full-width signs as the others.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")
_MARK = "'"


def as_csv(metric: Metric, found: Answer) -> bytes:
    """A line for each group, UTF-8. A missing text is an empty cell, an empty one is marked."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([*metric.question.dimensions, "value"])
    for reading in found.readings:
        texts = (reading.dimensions or {}).values()
        writer.writerow([*map(_cell, texts), "" if reading.value is None else reading.value])
    return file.getvalue().encode()


def as_json(metric: Metric, found: Answer) -> bytes:
    """What the API answers of the rows; it says when some were cut."""
    cut = {"truncated": True, "groupCount": found.group_count} if found.group_count else {}
    content: dict[str, Any] = {
        "metricName": metric.name,
        "calculatedAt": format_instant(found.at),
        "results": found.readings,
        **cut,
    }
    return bytes(json_response(content).body)


def _cell(text: str | None) -> str:
    """The text, marked with an apostrophe where it is empty, begins a formula, or would be taken
    for a marked one: so no two texts have the same cell."""
    if text is None:
        return ""
    bare = text.lstrip(_MARK)
    return f"{_MARK}{text}" if not bare or bare.startswith(_FORMULA) else text
