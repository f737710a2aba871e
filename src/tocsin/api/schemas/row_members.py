"""The members of a row that depend on its metric: the unit, and the sides of its value."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, UnsetType

from tocsin.model.alerts.state import Sides
from tocsin.model.metrics.answer import ReadingValue
from tocsin.model.metrics.question import Question

OptionalUnit = (
    Annotated[
        str,
        Meta(
            description="Only there for a RATE, a RATIO in percent, and a metric with a unit",
            examples=["per minute", "%", "ms"],
        ),
    ]
    | UnsetType
)


def side_members(question: Question, sides: Sides) -> dict[str, ReadingValue]:
    """`numerator` and `denominator`, or `current` and `base`; none without sides."""
    return dict(zip(question.side_names, sides or (), strict=False))
