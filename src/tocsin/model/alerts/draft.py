"""The definition of an alert as a caller writes it: validated, with its names resolved to ids.

As with a metric's definition all problems are reported together: of shape, between members, and
names that nothing has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    ValidationError,
)
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput, Problem
from tocsin.model.alerts.alert import (
    Alert,
    Comparison,
    EvaluationInterval,
    NoData,
    Rule,
    Wait,
)
from tocsin.model.alerts.channel_ids import ChannelIds, KnownChannels, channel_problems
from tocsin.model.alerts.guard_draft import GuardDrafts, KnownMetrics, guard_problems
from tocsin.model.alerts.waits import wait_problems
from tocsin.model.duration import MINUTE, NONE
from tocsin.model.interactions.catalog import Kind, system_id
from tocsin.model.metrics.catalog_names import CatalogNames
from tocsin.model.metrics.draft import Enabled
from tocsin.model.metrics.finite_number import FiniteNumber, number_or_none
from tocsin.model.metrics.rules import uuid_of
from tocsin.model.severity import Severity
from tocsin.model.slug import KeyedDraft
from tocsin.model.validation import WithoutNul, problems_of

MAX_LABELS = 50

# Which kind of entry each member names, beside the member with its id.
_NAMED = {
    "alertAction": Kind.ACTION,
    "recoveryAction": Kind.ACTION,
    "resourceType": Kind.RESOURCE_TYPE,
}


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// or http://")
    return text


Label = Annotated[str, Member(max_length=200), WithoutNul()]
RunbookUrl = Annotated[str, Member(max_length=2_000), WithoutNul(), AfterValidator(_web_address)]


class AlertDraft(KeyedDraft):
    """The members that a caller may give; null means the same as a missing member."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    title: Annotated[str, Member(min_length=1, max_length=200), WithoutNul()] | None = None
    description: Annotated[str, Member(max_length=4_000), WithoutNul()] | None = None
    runbook_url: RunbookUrl | None = None
    labels: Annotated[dict[Label, Label], Member(max_length=MAX_LABELS)] | None = None
    metric_id: UUID | None = None
    operator: Comparison | None = None
    threshold: FiniteNumber | None = None
    alert_action_id: UUID | None = None
    alert_action: str | None = None
    recovery_action_id: UUID | None = None
    recovery_action: str | None = None
    resource_type_id: UUID | None = None
    resource_type: str | None = None
    severity: Severity | None = None
    enabled: Enabled = True
    interval: EvaluationInterval | None = None
    for_: Annotated[Wait | None, Member(alias="for")] = None
    keep_firing_for: Wait | None = None
    recovery_threshold: FiniteNumber | None = None
    no_data: NoData | None = None
    evaluation_delay: Wait | None = None
    only_when: GuardDrafts = ()
    channel_ids: ChannelIds = ()

    def alert(self, id: UUID, created: datetime, modified: datetime) -> Alert:
        """The alert of a draft that `read_alert` returned."""
        assert self.metric_id, "read_alert requires a metric"
        return Alert(
            alert_id=id,
            title=self.title or "",
            description=self.description,
            runbook_url=self.runbook_url,
            labels=self.labels or {},
            metric_id=self.metric_id,
            rule=self.rule,
            only_when=tuple(draft.guard for draft in self.only_when),
            channel_ids=self.channel_ids,
            key=self.key,
            managed_by=self.managed_by,
            alert_action_id=self.alert_action_id or system_id(Kind.ACTION, "fired"),
            recovery_action_id=self.recovery_action_id,
            resource_type_id=self.resource_type_id or system_id(Kind.RESOURCE_TYPE, "ALERT"),
            severity=self.severity or Severity.WARNING,
            enabled=self.enabled,
            interval=self.interval or MINUTE,
            evaluation_delay=self.evaluation_delay or NONE,
            created_date=created,
            modified_date=modified,
        )

    @property
    def rule(self) -> Rule:
        assert self.operator is not None
        assert self.threshold is not None, "read_alert requires both"
        return Rule(
            operator=self.operator,
            threshold=self.threshold,
            recovery_threshold=self.recovery_threshold,
            for_=self.for_ or NONE,
            keep_firing_for=self.keep_firing_for or NONE,
            no_data=self.no_data or NoData.OK,
        )


def read_alert(
    body: Any,
    catalog: CatalogNames,
    metrics: KnownMetrics,
    channels: KnownChannels,
    *,
    is_saved: bool = True,
) -> AlertDraft:
    """The definition with the ids of everything it names; raises InvalidInput with all problems.

    A definition for a backtest (`is_saved=False`) needs no title and no action.
    """
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object")
    problems: list[Problem] = []
    draft = None
    try:
        draft = AlertDraft.model_validate(body)
    except ValidationError as error:
        problems += problems_of(error)
    problems += _lacking(body, is_saved)
    problems += _recovery_problems(body)
    problems += _unknown(body, catalog, metrics)
    if draft and draft.for_ and draft.metric_id and draft.metric_id in metrics:
        problems += wait_problems(draft.for_, metrics.get(draft.metric_id).question)
    problems += guard_problems(body, metrics)
    problems += channel_problems(body, channels)
    if problems or draft is None:
        raise InvalidInput(problems=problems)
    only_when = tuple(guard.resolved(metrics) for guard in draft.only_when)
    return draft.model_copy(update={**_ids(draft, catalog), "only_when": only_when})


def _lacking(body: Mapping[str, Any], is_saved: bool) -> Iterator[Problem]:
    required = ["metricId", "operator", "threshold"] + (["title"] if is_saved else [])
    for member in required:
        if body.get(member) is None:
            yield Problem(member, "is required")
    if is_saved and body.get("alertActionId") is None and body.get("alertAction") is None:
        yield Problem("alertActionId", "is required, or alertAction with a mnemonic")


def _recovery_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    """A recovery threshold must lie where the condition does not hold."""
    operator, recovery = body.get("operator"), number_or_none(body.get("recoveryThreshold"))
    if recovery is None or operator not in list(Comparison):
        return
    comparison = Comparison(operator)
    if not comparison.is_ordering:
        yield Problem("recoveryThreshold", f"must be left out with {comparison}")
        return
    threshold = number_or_none(body.get("threshold"))
    if threshold is None:
        return
    side = "less" if comparison.is_upward else "greater"
    if not (recovery < threshold if comparison.is_upward else recovery > threshold):
        yield Problem("recoveryThreshold", f"must be {side} than threshold with {comparison}")


def _unknown(
    body: Mapping[str, Any], catalog: CatalogNames, metrics: KnownMetrics
) -> Iterator[Problem]:
    metric_id = uuid_of(body.get("metricId"))
    if metric_id and metric_id not in metrics:
        yield Problem("metricId", "is the id of no metric")
    for member, kind in _NAMED.items():
        yield from _unknown_name(body, catalog, member, kind)


def _unknown_name(
    body: Mapping[str, Any], catalog: CatalogNames, member: str, kind: Kind
) -> Iterator[Problem]:
    id, mnemonic = uuid_of(body.get(f"{member}Id")), body.get(member)
    by_id = catalog.by_id(kind, id) if id else None
    by_mnemonic = catalog.find(kind, mnemonic) if isinstance(mnemonic, str) else None
    if id and not by_id:
        yield Problem(f"{member}Id", f"is the id of no {kind.words} in the catalog")
    if isinstance(mnemonic, str) and not by_mnemonic:
        yield Problem(member, f"is the mnemonic of no {kind.words} in the catalog")
    if by_id and by_mnemonic and by_id.id != by_mnemonic.id:
        yield Problem(member, f"names another {kind.words} than {member}Id: leave one of them out")


def _ids(draft: AlertDraft, catalog: CatalogNames) -> dict[str, UUID]:
    given = {
        "alert_action_id": (Kind.ACTION, draft.alert_action),
        "recovery_action_id": (Kind.ACTION, draft.recovery_action),
        "resource_type_id": (Kind.RESOURCE_TYPE, draft.resource_type),
    }
    entries = {
        member: catalog.find(kind, mnemonic)
        for member, (kind, mnemonic) in given.items()
        if mnemonic is not None and getattr(draft, member) is None
    }
    return {member: entry.id for member, entry in entries.items() if entry}
