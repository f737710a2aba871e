"""Formats the rows of an answer as files: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

from typing import Any

from tocsin.api.bodies import json_response
from tocsin.api.row_formats import RowFormat, write_rows
from tocsin.api.row_tables import table_of_answer
from tocsin.model.instant import format_instant
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.metric import Metric


def as_file(metric: Metric, answer: Answer, format: RowFormat) -> bytes:
    """The rows as `GET /api/interaction-metrics/:id/rows` answers them."""
    return write_rows(table_of_answer(metric, answer), format)


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
