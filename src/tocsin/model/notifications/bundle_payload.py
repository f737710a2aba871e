"""The payload of a bundle or a reminder, as webhooks and templates get it.

"The payload of a bundle" in docs/reference/alerts.md defines the members.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from tocsin.model.instant import format_instant
from tocsin.model.notifications.bundles import BundleEntry, GroupOutcome
from tocsin.model.notifications.grouping import MAX_NAMED_GROUPS, BundleKey, Grouping
from tocsin.model.severity import MOST_SEVERE_FIRST

TransitionMembers = Mapping[str, Any]
"""The payload of a transition's interaction."""

# Members of a transition that all groups of an alert share; `alerts` has them.
_OF_ALERT = ("description", "runbookUrl", "labels", "url")


class BundleKind(StrEnum):
    BUNDLE = "bundle"
    REMINDER = "reminder"


@dataclass(frozen=True, slots=True)
class BundleMessage:
    """A message about groups of one key. `firing` counts all groups of the key that fire."""

    kind: BundleKind
    bundle_id: UUID
    subscription_id: UUID
    grouping: Grouping
    key: BundleKey
    entries: Sequence[BundleEntry]
    firing: int
    at: datetime
    opened_at: datetime | None = None

    @property
    def delivery_id(self) -> UUID:
        """Derived from the subscription, the key and the time, so that a bundle or a reminder has
        one delivery."""
        time = self.opened_at or self.at
        return uuid5(self.bundle_id, f"{self.kind}/{format_instant(time)}")

    @property
    def named(self) -> list[BundleEntry]:
        """The entries that the message names: the most severe first, then those that fire."""
        return sorted(self.entries, key=_rank)[:MAX_NAMED_GROUPS]


def bundle_id(subscription_id: UUID, key: str) -> UUID:
    """`key` is the key as JSON."""
    return uuid5(subscription_id, key)


def payload_of(
    message: BundleMessage,
    groups: Iterable[tuple[BundleEntry, TransitionMembers | None, TransitionMembers | None]],
) -> dict[str, Any]:
    """The payload. `groups` has each named entry with the payloads of the transitions by which it
    fired and recovered, as far as they are stored."""
    named = [(entry, fired, recovered) for entry, fired, recovered in groups if fired or recovered]
    outcomes = Counter(entry.outcome for entry in message.entries)
    alerts = list(_alerts(recovered or fired or {} for _, fired, recovered in named))
    only = {} if len(alerts) != 1 or message.grouping.by != "alert" else alerts[0]
    return {
        "kind": message.kind,
        "bundleId": message.bundle_id,
        "subscriptionId": message.subscription_id,
        "key": message.grouping.names(message.key),
        **only,
        "alertTitle": only.get("alertTitle"),
        "severity": min((e.severity for e in message.entries), key=MOST_SEVERE_FIRST.index),
        "status": GroupOutcome.FIRED if message.firing else GroupOutcome.RECOVERED,
        "openedAt": message.opened_at and format_instant(message.opened_at),
        "sentAt": format_instant(message.at),
        "total": len(message.entries),
        "counts": {outcome: outcomes[outcome] for outcome in GroupOutcome},
        "firing": message.firing,
        "alerts": alerts,
        "groups": [_group(*each) for each in named],
    }


def _rank(entry: BundleEntry) -> tuple[int, int]:
    outcomes = (GroupOutcome.FIRED, GroupOutcome.BOTH, GroupOutcome.RECOVERED)
    return MOST_SEVERE_FIRST.index(entry.severity), outcomes.index(entry.outcome)


def _group(
    entry: BundleEntry, fired: TransitionMembers | None, recovered: TransitionMembers | None
) -> dict[str, Any]:
    """The members of the last transition. A group that fired and recovered has the value with
    which it fired, too."""
    last = recovered if recovered and not entry.is_firing else fired
    group = {name: value for name, value in (last or {}).items() if name not in _OF_ALERT}
    group["status"] = entry.outcome
    if entry.outcome is GroupOutcome.BOTH and fired:
        group["firedValue"] = fired["value"]
    return group


def _alerts(payloads: Iterable[TransitionMembers]) -> Iterable[dict[str, Any]]:
    """The alerts of the named groups, each once."""
    by_id: dict[Any, dict[str, Any]] = {}
    for payload in payloads:
        names = ("alertId", "alertTitle", "severity", *_OF_ALERT)
        members = {name: payload[name] for name in names if name in payload}
        by_id.setdefault(payload.get("alertId"), members)
    return by_id.values()
