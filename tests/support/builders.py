"""Builders of model objects: a test names the members that matter to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tocsin.model.interactions.interaction import Interaction
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question

AN_INSTANT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


def an_interaction(scope: Sequence[bytes] = (b"", b"", b""), **members: Any) -> Interaction:
    """An interaction of `scope`: the ids of its resource type, action and origin."""
    resource_type_id, action_id, origin_id = scope
    defaults: dict[str, Any] = {
        "interaction_id": b"",
        "resource_id": "1",
        "timestamp": 0,
        "payload": b"{}",
        "external_response": b"",
        "uow_id": None,
        "user_id": None,
        "external_reference": None,
        "big_integers": [],
        "leafless_objects": [],
    }
    return Interaction(
        resource_type_id=resource_type_id,
        action_id=action_id,
        origin_id=origin_id,
        **(defaults | members),
    )


def a_metric(metric_id: UUID = UUID(int=1), **question: Any) -> Metric:
    """A metric that counts, unless `question` says otherwise."""
    return Metric(
        metric_id=metric_id,
        name="m",
        question=Question.model_validate({"metricType": "COUNT"} | question),
        created_date=AN_INSTANT,
        modified_date=AN_INSTANT,
    )
