"""Silences: deliveries of matching transitions are held back for a time.

Alerts keep being evaluated; held-back deliveries are listed and can still be sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput
from tocsin.model.time_range import Instant
from tocsin.model.validation import WithoutNul, problems_of

LabelText = Annotated[str, Member(max_length=1_000), WithoutNul()]
# Dimensions are compared with values of payloads, which may contain any character.
DimensionText = Annotated[str, Member(max_length=1_000)]
SilenceLabels = Annotated[dict[LabelText, LabelText], Member(max_length=50)]
SilenceDimensions = Annotated[dict[DimensionText, DimensionText | None], Member(max_length=10)]


class SilenceDraft(BaseModel):
    """The members that a caller may give; `to` is exclusive, `from` defaults to now."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    alert_id: UUID | None = None
    labels: SilenceLabels = {}
    dimensions: SilenceDimensions = {}
    start: Annotated[Instant | None, Member(alias="from")] = None
    to: Instant
    author: Annotated[str, Member(max_length=200), WithoutNul()] | None = None
    reason: Annotated[str, Member(max_length=4_000), WithoutNul()] | None = None


class Silence(BaseModel):
    """A silence as it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    silence_id: UUID
    alert_id: UUID | None
    labels: dict[str, str]
    dimensions: dict[str, str | None]
    start: datetime
    to: datetime
    author: str | None
    reason: str | None
    created_date: datetime
    modified_date: datetime

    def silences(
        self, transition: Mapping[str, Any], labels: Mapping[str, str], at: datetime
    ) -> bool:
        """Whether it silences a transition, given by its payload, of an alert with these labels."""
        if not self.start <= at < self.to:
            return False
        if self.alert_id and str(self.alert_id) != transition.get("alertId"):
            return False
        dimensions = transition.get("dimensions") or {}
        return _within(self.labels, labels) and _within(self.dimensions, dimensions)


def _within(required: Mapping[str, str | None], present: Mapping[str, str | None]) -> bool:
    return all(name in present and present[name] == text for name, text in required.items())


def read_silence(body: Any, at: datetime) -> SilenceDraft:
    """Validate a silence; raises InvalidInput with every problem."""
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object")
    try:
        draft = SilenceDraft.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error
    if draft.alert_id is None and not draft.labels:
        raise InvalidInput.at("alertId", "is required, or labels that alerts have")
    if draft.start is None:
        draft = draft.model_copy(update={"start": at})
    if draft.start is None or draft.start >= draft.to:
        raise InvalidInput.at("to", "must be later than from")
    return draft
