"""Reads the values of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx2 as httpx

from tocsin_client._encoding import instant


class TocsinError(Exception):
    """The server does not answer, or answers with an error; `status` is None without an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Row:
    """One value of a metric; `dimensions` is None if the metric is not grouped."""

    value: int | float | str | None
    dimensions: Mapping[str, Any] | None


def request_of(metric_id: UUID | str, at: datetime | None) -> dict[str, Any]:
    """The arguments of the request that calculates a metric."""
    return {
        "url": f"/api/interaction-metrics/{UUID(str(metric_id))}/calculate",
        "params": {} if at is None else {"at": instant(at)},
    }


def rows_of(response: httpx.Response) -> list[Row]:
    try:
        body = response.json()
        if response.is_success:
            return [Row(row["value"], row["dimensions"]) for row in body["results"]]
        message = str(body.get("detail") or body["title"])
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"HTTP {response.status_code}, without a document of Tocsin"
    raise TocsinError(message, response.status_code)


def failed(error: httpx.HTTPError) -> TocsinError:
    return TocsinError(f"the server does not answer: {type(error).__name__}: {error}")
