"""The definition of a silence as a caller writes it, and its validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    ValidationError,
)
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput, Problem
from tocsin.model.instant import format_instant
from tocsin.model.notifications.recurrence import Recurrence
from tocsin.model.notifications.silence import Silence
from tocsin.model.severity import MOST_SEVERE_FIRST, Severity
from tocsin.model.slug import KeyedDraft
from tocsin.model.time_range import Instant
from tocsin.model.validation import WithoutNul, problems_of

LabelText = Annotated[str, Member(max_length=1_000), WithoutNul()]
# Dimensions are compared with values of payloads, which may contain any character.
DimensionText = Annotated[str, Member(max_length=1_000)]
SilenceLabels = Annotated[dict[LabelText, LabelText], Member(max_length=50)]
SilenceDimensions = Annotated[dict[DimensionText, DimensionText | None], Member(max_length=10)]


def _distinct(severities: tuple[Severity, ...]) -> tuple[Severity, ...]:
    repeated = [each.value for each, count in Counter(severities).items() if count > 1]
    if repeated:
        raise ValueError(f"has {', '.join(repeated)} more than once")
    return tuple(sorted(severities, key=MOST_SEVERE_FIRST.index))


def _null_is_false(value: Any) -> Any:
    return False if value is None else value


class SilenceDraft(KeyedDraft):
    """The members that a caller may give.

    `to` is exclusive, `from` defaults to now. With `recurs` a silence has no `to`, and its windows
    begin at `from`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    alert_id: UUID | None = None
    labels: SilenceLabels = {}
    dimensions: SilenceDimensions = {}
    severities: Annotated[tuple[Severity, ...], AfterValidator(_distinct)] = ()
    match_all: Annotated[
        StrictBool, BeforeValidator(_null_is_false, json_schema_input_type=bool | None)
    ] = False
    start: Annotated[Instant | None, Member(alias="from")] = None
    to: Instant | None = None
    recurs: Recurrence | None = None
    author: Annotated[str, Member(max_length=200), WithoutNul()] | None = None
    reason: Annotated[str, Member(max_length=4_000), WithoutNul()] | None = None

    def silence(self, id: UUID, created: datetime, modified: datetime) -> Silence:
        """The silence of a draft that `read_silence` returned."""
        assert self.start is not None, "read_silence sets a missing start"
        return Silence(
            silence_id=id,
            **{**self.model_dump(), "start": self.start, "recurs": self.recurs},
            created_date=created,
            modified_date=modified,
        )


def read_silence(body: Any, at: datetime) -> SilenceDraft:
    """Validate a silence; raises InvalidInput with every problem."""
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object")
    try:
        draft = SilenceDraft.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error
    if draft.start is None:
        draft = draft.model_copy(update={"start": at})
    problems = [*_match_problems(draft), *_time_problems(draft)]
    if problems:
        raise InvalidInput(problems=problems)
    return draft


def _match_problems(draft: SilenceDraft) -> Iterator[Problem]:
    chooses = bool(draft.alert_id or draft.labels or draft.severities)
    if not (chooses or draft.match_all):
        yield Problem(
            "alertId", "is required, or labels that alerts have, or severities, or matchAll"
        )
    if draft.match_all and (chooses or draft.dimensions):
        yield Problem(
            "matchAll", "must be false with alertId, labels, dimensions or severities to match"
        )


def _time_problems(draft: SilenceDraft) -> Iterator[Problem]:
    assert draft.start is not None, "read_silence sets a missing start"
    if draft.recurs is None:
        if draft.to is None:
            yield Problem("to", "is required, unless the silence recurs")
        elif draft.start >= draft.to:
            yield Problem("to", "must be later than from")
        return
    if draft.to is not None:
        yield Problem("to", "must be absent with recurs, whose member until ends the silence")
    yield from _recurrence_problems(draft.recurs, draft.start)


def _recurrence_problems(recurs: Recurrence, start: datetime) -> Iterator[Problem]:
    if recurs.is_empty:
        yield Problem("recurs.to", "must differ from from; 00:00 to 24:00 is a whole day")
    elif recurs.until is not None and recurs.until <= start:
        yield Problem("recurs.until", "must be later than from")
    elif next(recurs.windows(start, start), None) is None:
        unbounded = recurs.model_copy(update={"until": None})
        first = next(unbounded.windows(start, start), None)
        begins = f", which is at {format_instant(first.start)}" if first else ""
        yield Problem("recurs.until", f"must be later than the first start of a window{begins}")
