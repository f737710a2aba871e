"""The definitions in the audit trail: the members that the API accepts in a PUT, references by id.

Ids and dates of a definition are in the row itself. A new member of a model needs no change here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from tocsin.model.alerts.alert import Alert
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditSubject, Author, differences
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.key import Key
from tocsin.model.metrics.calendar import CalendarWindow
from tocsin.model.metrics.metric import Metric
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.grouping import NONE
from tocsin.model.notifications.silence import Silence
from tocsin.model.notifications.subscription import Subscription

T = TypeVar("T")
_DATES = {"created_date", "modified_date"}


def _no_secrets(_item: Any) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Audited(Generic[T]):
    """The way in which one kind of thing is audited."""

    kind: AuditSubject
    name: Callable[[T], str | None]
    document: Callable[[T], dict[str, Any]]
    secrets: Callable[[T], Mapping[str, Any]] = _no_secrets
    """Members that are compared to find those that changed, and not stored."""
    created: AuditAction = AuditAction.CREATED
    changed: AuditAction = AuditAction.CHANGED
    deleted: AuditAction = AuditAction.DELETED

    def entry(
        self, at: datetime, by: Author | None, id: UUID, former: T | None, item: T | None
    ) -> AuditEntry:
        """The row of the change of `former` to `item`; None if there was, or is, none."""
        action = self.created if former is None else self.changed
        named = former if item is None else item
        return AuditEntry(
            at=at,
            by=by,
            action=self.deleted if item is None else action,
            kind=self.kind,
            id=id,
            name=None if named is None else self.name(named),
            before=None if former is None else self.document(former),
            after=None if item is None else self.document(item),
            changed=self._changed(former, item),
        )

    def _changed(self, former: T | None, item: T | None) -> tuple[str, ...]:
        if former is None or item is None:
            return ()
        before, after = ({**self.document(each), **self.secrets(each)} for each in (former, item))
        return tuple(path for path, _, _ in differences(before, after))


def _entry(entry: Entry) -> dict[str, Any]:
    return entry.spec.model_dump(mode="json", by_alias=True)


def _metric(metric: Metric) -> dict[str, Any]:
    question = metric.question.model_dump(mode="json", by_alias=True)
    window = metric.question.time_window
    if isinstance(window, CalendarWindow):
        question |= {"timeWindow": window.name, "timezone": window.timezone}
    return {**_members(metric, "metric_id", "question"), **question}


def _alert(alert: Alert) -> dict[str, Any]:
    rule = alert.rule.model_dump(mode="json", by_alias=True)
    return {**_members(alert, "alert_id", "rule"), **rule}


def _channel(channel: Channel) -> dict[str, Any]:
    reason = {"disabledReason": channel.disabled_reason} if channel.disabled_reason else {}
    settings = {"settings": channel.spec.settings.masked()}
    return {**_members(channel.spec, "settings"), **settings, **reason}


def _subscription(subscription: Subscription) -> dict[str, Any]:
    members = _members(subscription, "subscription_id", "template_problem", "grouping")
    grouping = subscription.grouping
    if grouping is None:
        return {**members, "groupBy": NONE}
    named = grouping.model_dump(mode="json")
    names = {"by": "groupBy", "wait": "groupWait", "repeat": "repeatEvery"}
    return {**members, **{names.get(name, name): value for name, value in named.items()}}


def _silence(silence: Silence) -> dict[str, Any]:
    members = _members(silence, "silence_id", "start", "to")
    instants = {"from": silence.start, "to": silence.to}
    if silence.recurs and silence.recurs.until:
        members["recurs"]["until"] = format_instant(silence.recurs.until)
    return members | {name: at and format_instant(at) for name, at in instants.items()}


def key_document(key: Key) -> dict[str, Any]:
    expiry = format_instant(key.expires_at) if key.expires_at else None
    return {
        "name": key.name,
        "role": key.role.value,
        "prefix": key.prefix,
        "fromEnvironment": key.from_environment,
        "expiresAt": expiry,
    }


def _members(model: BaseModel, *left_out: str) -> dict[str, Any]:
    """The members by the names of the API; names inside a member are those of its own model."""
    dumped = model.model_dump(mode="json", by_alias=True, exclude={*left_out, *_DATES})
    return {to_camel(name): value for name, value in dumped.items()}


METRIC: Audited[Metric] = Audited(AuditSubject.METRIC, lambda metric: metric.name, _metric)
ALERT: Audited[Alert] = Audited(AuditSubject.ALERT, lambda alert: alert.title, _alert)
CHANNEL: Audited[Channel] = Audited(
    AuditSubject.CHANNEL,
    lambda channel: channel.spec.name,
    _channel,
    secrets=lambda channel: {"settings": channel.spec.settings.with_secrets()},
)
SUBSCRIPTION: Audited[Subscription] = Audited(
    AuditSubject.SUBSCRIPTION, lambda _: None, _subscription
)
SILENCE: Audited[Silence] = Audited(
    AuditSubject.SILENCE, lambda _: None, _silence, created=AuditAction.SILENCED
)
ENTRIES: Mapping[Kind, Audited[Entry]] = {
    kind: Audited(AuditSubject(kind.value), lambda entry: entry.mnemonic, _entry) for kind in Kind
}
