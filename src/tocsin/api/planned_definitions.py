"""Checks the definitions of a file as if they were applied, and changes nothing.

Each definition is validated against the definitions of the server and those of the file, so that an
alert may refer to a metric that the file is about to create. New definitions have provisional ids.
"""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from tocsin.api.bodies import validated
from tocsin.api.schemas.alerts import AlertResponse
from tocsin.api.schemas.catalog import entry_response
from tocsin.api.schemas.definition_checks import CheckedDefinition
from tocsin.api.schemas.metrics import MetricResponse
from tocsin.api.schemas.notifications import ChannelResponse, SubscriptionResponse
from tocsin.api.schemas.silences import SilenceResponse
from tocsin.errors import InvalidInput, NotFound, Problem
from tocsin.model.alerts.draft import read_alert
from tocsin.model.alerts.evaluation import EvaluationStatus
from tocsin.model.alerts.guards import unmatched_fields
from tocsin.model.alerts.waits import window_problems
from tocsin.model.interactions.catalog import DRAFTS, Entry, Kind
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.catalog_names import CatalogNames
from tocsin.model.metrics.draft import read_metric
from tocsin.model.notifications.channel import Channel, ChannelKind, read_channel
from tocsin.model.notifications.silence_draft import read_silence
from tocsin.model.notifications.subscription import channel_problem, read_subscription
from tocsin.model.slug import with_kept_keys
from tocsin.runtime import Runtime

WARNING_SECONDS = 20
"""Metrics that are checked later have no warnings, each of which reads interactions: a file may
have many metrics, and its caller waits."""

T = TypeVar("T")
CATALOG = {"resourceTypes": Kind.RESOURCE_TYPE, "actions": Kind.ACTION, "origins": Kind.ORIGIN}
SECTIONS = (*CATALOG, "channels", "metrics", "alerts", "subscriptions", "silences")
"""In the order in which they refer to each other."""


class _Items(Generic[T]):
    """The stored definitions of a kind, with those of the file in their place."""

    def __init__(self, items: dict[UUID, T]) -> None:
        self._items = items

    def __contains__(self, id: object) -> bool:
        return id in self._items

    def all(self) -> Sequence[T]:
        return list(self._items.values())

    def find(self, id: UUID) -> T | None:
        return self._items.get(id)

    def get(self, id: UUID) -> T:
        item = self._items.get(id)
        if item is None:
            raise NotFound("There is no definition with this id")
        return item

    def put(self, id: UUID, item: T) -> None:
        self._items[id] = item


class _Catalog:
    """The stored catalog, with the entries of the file."""

    def __init__(self, names: CatalogNames, mnemonics: Mnemonics) -> None:
        self._names = names
        self._mnemonics = mnemonics
        self._by_mnemonic: dict[tuple[Kind, str], Entry] = {}
        self._by_id: dict[tuple[Kind, UUID], Entry] = {}

    def put(self, entry: Entry) -> None:
        self._by_mnemonic[entry.kind, entry.mnemonic.casefold()] = entry
        self._by_id[entry.kind, entry.id] = entry

    def find(self, kind: Kind, mnemonic: str) -> Entry | None:
        planned = self._by_mnemonic.get((kind, mnemonic.casefold()))
        return planned or self._names.find(kind, mnemonic)

    def by_id(self, kind: Kind, id: UUID) -> Entry | None:
        return self._by_id.get((kind, id)) or self._names.by_id(kind, id)

    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]:
        planned = {id: entry.mnemonic for (of, id), entry in self._by_id.items() if of is kind}
        return ChainMap(planned, dict(self._mnemonics.mnemonics(kind)))


class PlannedDefinitions:
    """The definitions of an installation as a file would leave them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._now = runtime.now()
        self._warns_until = time.monotonic() + WARNING_SECONDS
        self._catalog = _Catalog(runtime.catalog, runtime.catalog)
        self._channels = _Items({each.channel_id: each for each in runtime.channels.all()})
        self._metrics = _Items({each.metric_id: each for each in runtime.metrics.all()})
        self._alerts = _Items({each.alert_id: each for each in runtime.alerts.all()})
        self._checks: dict[str, Callable[[UUID, Any], CheckedDefinition]] = {
            "channels": self._channel,
            "metrics": self._metric,
            "alerts": self._alert,
            "subscriptions": self._subscription,
            "silences": self._silence,
        }

    def check(self, section: str, id: UUID, body: Any) -> CheckedDefinition:
        """The definition as it would be stored, or its problems. Sections are checked in the order
        of SECTIONS."""
        try:
            if section in CATALOG:
                return self._entry(CATALOG[section], id, body)
            return self._checks[section](id, body)
        except InvalidInput as error:
            return CheckedDefinition.rejected(error.problems)

    def consequences(self, ids: Mapping[str, set[UUID]]) -> Iterator[tuple[str, UUID, Problem]]:
        """Problems of the planned metrics and channels with alerts and subscriptions that the file
        does not have; `ids` has those of the file by section."""
        for alert in self._alerts.all():
            if alert.alert_id in ids["alerts"]:
                continue
            metric = self._metrics.get(alert.metric_id)
            if metric.metric_id in ids["metrics"]:
                for problem in window_problems(metric.question, [alert]):
                    yield "metrics", metric.metric_id, problem
            for guard in alert.only_when:
                used = {metric.metric_id, guard.metric_id} & ids["metrics"]
                question = self._metrics.get(guard.metric_id).question
                if used and unmatched_fields(question, metric.question):
                    text = f"does not fit the guard of the alert {alert.title}"
                    yield "metrics", used.pop(), Problem("groupBy", text)
        for subscription in self._runtime.subscriptions.all():
            channel = self._channels.find(subscription.channel_id)
            is_known = subscription.subscription_id in ids["subscriptions"]
            if is_known or channel is None or channel.channel_id not in ids["channels"]:
                continue
            if subscription.grouping and channel.kind is ChannelKind.PAGERDUTY:
                text = "must not be pagerduty: a subscription with groupBy uses this channel"
                yield "channels", channel.channel_id, Problem("kind", text)

    def _entry(self, kind: Kind, id: UUID, body: Any) -> CheckedDefinition:
        draft = validated(DRAFTS[kind], body)
        former = self._runtime.catalog.by_id(kind, id)
        if former and former.is_system and draft != former.spec:
            raise InvalidInput.at("mnemonic", "is that of a system entry, which cannot be changed")
        entry = Entry(
            id=id,
            kind=kind,
            spec=draft,
            is_system=bool(former and former.is_system),
            created_date=former.created_date if former else self._now,
            modified_date=self._now,
        )
        self._catalog.put(entry)
        return CheckedDefinition.accepted(entry_response(entry))

    def _channel(self, id: UUID, body: Any) -> CheckedDefinition:
        former = self._runtime.channels.find(id)
        draft = read_channel(body, former)
        if former is None:
            channel = Channel(
                channel_id=id, spec=draft, created_date=self._now, modified_date=self._now
            )
        else:
            channel = former.model_copy(update={"spec": with_kept_keys(draft, former)})
        self._channels.put(id, channel)
        shown = ChannelResponse.of(channel, self._now, channel.spec.settings.masked())
        changes = former is not None and channel.spec.settings != former.spec.settings
        return CheckedDefinition.accepted(shown, changes_settings=changes)

    def _metric(self, id: UUID, body: Any) -> CheckedDefinition:
        draft, question = read_metric(body, self._catalog)
        former = self._metrics.find(id)
        if former:
            draft = with_kept_keys(draft, former)
        metric = draft.metric(question, id, *self._dates(former))
        warnings: Sequence[Problem] = ()
        is_changed = former is None or former.question != question
        if is_changed and time.monotonic() < self._warns_until:
            warnings = self._runtime.definition_warnings.of(question)
        self._metrics.put(id, metric)
        return CheckedDefinition.accepted(MetricResponse.of(metric, self._catalog), warnings)

    def _alert(self, id: UUID, body: Any) -> CheckedDefinition:
        draft = read_alert(body, self._catalog, self._metrics, self._channels)
        former = self._alerts.find(id)
        if former:
            draft = with_kept_keys(draft, former)
        alert = draft.alert(id, *self._dates(former))
        self._alerts.put(id, alert)
        never_evaluated = EvaluationStatus(self._now, None, None, None)
        return CheckedDefinition.accepted(AlertResponse.of(alert, never_evaluated, self._catalog))

    def _subscription(self, id: UUID, body: Any) -> CheckedDefinition:
        draft = read_subscription(body, self._catalog)
        self._runtime.subscription_service.check_template(draft)
        if problem := channel_problem(draft, self._channels.find(draft.channel_id)):
            raise InvalidInput(problems=[problem])
        former = self._runtime.subscriptions.find(id)
        if former:
            draft = with_kept_keys(draft, former)
        subscription = draft.subscription(id, *self._dates(former))
        return CheckedDefinition.accepted(SubscriptionResponse.of(subscription, self._catalog))

    def _silence(self, id: UUID, body: Any) -> CheckedDefinition:
        draft = read_silence(body, self._now)
        former = self._runtime.silences.find(id)
        is_kept = former is not None and former.alert_id == draft.alert_id
        if draft.alert_id and not is_kept and draft.alert_id not in self._alerts:
            raise InvalidInput.at("alertId", "is the id of no alert")
        if former:
            draft = with_kept_keys(draft, former)
        silence = draft.silence(id, *self._dates(former))
        return CheckedDefinition.accepted(SilenceResponse.of(silence, self._now))

    def _dates(self, former: Any) -> tuple[datetime, datetime]:
        return (former.created_date if former else self._now), self._now
