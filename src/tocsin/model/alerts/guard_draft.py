"""The guards of an alert as a caller writes them: their rules, and the metrics that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import Problem
from tocsin.model.alerts.alert import Comparison, Guard, NoData
from tocsin.model.alerts.guards import MAX_GUARDS, unmatched_fields
from tocsin.model.metrics.draft import list_of_at_most
from tocsin.model.metrics.finite_number import FiniteNumber
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.rules import uuid_of

ONLY_WHEN = "onlyWhen"


class KnownMetrics(Protocol):
    """The metrics that a definition may name."""

    def __contains__(self, id: object) -> bool: ...

    def get(self, id: UUID) -> Metric: ...

    def all(self) -> Sequence[Metric]: ...


class GuardDraft(BaseModel):
    """A guard; its metric is given by id or by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    metric_id: UUID | None = None
    metric: Annotated[str | None, Member(description="The name, if no other metric has it")] = None
    operator: Comparison | None = None
    threshold: FiniteNumber | None = None

    def resolved(self, metrics: KnownMetrics) -> GuardDraft:
        """The draft, without problems, with its metric given by id."""
        if self.metric_id is not None:
            return self
        return self.model_copy(update={"metric_id": _named(self.metric, metrics)[0].metric_id})

    @property
    def guard(self) -> Guard:
        """The guard of a draft that was resolved."""
        assert self.metric_id is not None
        assert self.operator is not None
        assert self.threshold is not None, "guard_problems requires all three"
        return Guard(metric_id=self.metric_id, operator=self.operator, threshold=self.threshold)


_GuardDrafts = Annotated[tuple[GuardDraft, ...], Member(max_length=MAX_GUARDS)]
GuardDrafts = Annotated[
    _GuardDrafts,
    BeforeValidator(list_of_at_most(MAX_GUARDS), json_schema_input_type=_GuardDrafts | None),
]


def guard_problems(body: Mapping[str, Any], metrics: KnownMetrics) -> Iterator[Problem]:
    """The problems of guards that their shape does not exclude."""
    guards = body.get(ONLY_WHEN)
    if not isinstance(guards, list) or len(guards) > MAX_GUARDS:
        return
    if guards and body.get("noData") == NoData.FIRING:
        yield Problem("noData", f"must not be firing with {ONLY_WHEN}: quiet times would fire")
    for index, guard in enumerate(guards):
        for problem in _problems(body, guard, metrics) if isinstance(guard, dict) else ():
            yield Problem(f"{ONLY_WHEN}[{index}].{problem.field}", problem.message)


def _problems(
    body: Mapping[str, Any], guard: Mapping[str, Any], metrics: KnownMetrics
) -> Iterator[Problem]:
    for member in ("operator", "threshold"):
        if guard.get(member) is None:
            yield Problem(member, "is required")
    yield from _metric_problems(guard, metrics)
    metric = _metric_of(guard, metrics)
    watched = uuid_of(body.get("metricId"))
    if metric is None or watched is None or watched not in metrics:
        return
    member = "metric" if guard.get("metricId") is None else "metricId"
    if fields := unmatched_fields(metric.question, metrics.get(watched).question):
        yield Problem(
            member,
            f"is grouped by {', '.join(fields)}, and the alert's metric is not: a guard may only "
            "be grouped by fields of the alert's metric",
        )


def _metric_problems(guard: Mapping[str, Any], metrics: KnownMetrics) -> Iterator[Problem]:
    id, name = guard.get("metricId"), guard.get("metric")
    if id is None and name is None:
        yield Problem("metricId", "is required, or metric with a name")
    if (given := uuid_of(id)) and given not in metrics:
        yield Problem("metricId", "is the id of no metric")
    if not isinstance(name, str):
        return
    named = _named(name, metrics)
    if not named:
        yield Problem("metric", "is the name of no metric")
    elif given and given in metrics and given not in [metric.metric_id for metric in named]:
        yield Problem("metric", "names another metric than metricId: leave one of them out")
    elif len(named) > 1 and not given:
        yield Problem("metric", f"is the name of {len(named)} metrics: give metricId")


def _metric_of(guard: Mapping[str, Any], metrics: KnownMetrics) -> Metric | None:
    id, name = uuid_of(guard.get("metricId")), guard.get("metric")
    if id is not None:
        return metrics.get(id) if id in metrics else None
    named = _named(name, metrics) if isinstance(name, str) else []
    return named[0] if len(named) == 1 else None


def _named(name: str | None, metrics: KnownMetrics) -> list[Metric]:
    return [metric for metric in metrics.all() if metric.name == name]
