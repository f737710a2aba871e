"""Metrics: questions with a name, as they are stored."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tocsin.model.metrics.question import Question


class Metric(BaseModel):
    """A metric as it is stored: a question with a name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric_id: UUID
    name: str
    description: str | None = None
    question: Question
    enabled: bool = True
    expose: bool = False
    key: str | None = None
    managed_by: str | None = None
    created_date: datetime
    modified_date: datetime
