"""The message of a bundle or a reminder: a section for each named group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from tocsin.model.notifications.bundle_payload import BundleKind
from tocsin.model.notifications.bundles import GroupOutcome
from tocsin.model.notifications.content import Content, Link, Section, Tone, encodable
from tocsin.model.notifications.spelling import spell_value
from tocsin.model.notifications.transition_content import (
    ORIGIN,
    RECOVERED,
    TransitionPayload,
    transition_section,
)

_WORDS = {
    GroupOutcome.FIRED: "fired",
    GroupOutcome.BOTH: "fired and recovered",
    GroupOutcome.RECOVERED: "recovered",
}


# The heading has the dimensions of a group.
_FACTS = {"Condition", "Since", "Fired for"}


class _BundledGroup(TransitionPayload):
    fired_value: Any = msgspec.UNSET

    @property
    def is_recovery(self) -> bool:
        return self.status != GroupOutcome.FIRED


class _BundledAlert(msgspec.Struct, rename="camel"):
    alert_id: str
    alert_title: str
    url: str | None = None
    runbook_url: str | None = None
    description: str | None = None


class BundlePayload(msgspec.Struct, rename="camel"):
    """The part of a bundle's payload that the message shows."""

    kind: BundleKind
    key: dict[str, str | None]
    severity: str
    total: int
    counts: dict[GroupOutcome, int]
    firing: int
    groups: list[_BundledGroup]
    alerts: list[_BundledAlert]
    alert_title: str | None = None

    @property
    def tone(self) -> Tone:
        is_recovery = self.counts.get(GroupOutcome.FIRED, 0) == 0
        return Tone.RECOVERED if is_recovery else Tone.of(self.severity)


def read_bundle(interaction: Mapping[str, Any]) -> BundlePayload | None:
    """The payload of a bundle or a reminder; None for anything else."""
    if interaction["origin"] != ORIGIN or interaction["action"] not in list(BundleKind):
        return None
    try:
        return msgspec.convert(interaction["interaction"], BundlePayload)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return None


def bundle_content(bundle: BundlePayload) -> Content:
    """`[critical] Failed logins: 3 fired, 1 recovered`, with a section for each named group."""
    is_recovery = bundle.tone is Tone.RECOVERED
    word = RECOVERED if is_recovery else bundle.severity
    return Content(
        title=f"[{word}] {encodable(_subject(bundle))}: {_counts(bundle)}",
        tone=bundle.tone,
        sections=tuple(_sections(bundle)),
        links=tuple(_links(bundle)),
        threads=tuple(dict.fromkeys(group.episode for group in bundle.groups)),
    )


def _subject(bundle: BundlePayload) -> str:
    """The alert, or the values that the groups have in common."""
    if bundle.alert_title is not None:
        return bundle.alert_title
    names = (f"{name.removeprefix('labels.')}={value}" for name, value in bundle.key.items())
    alerts = {group.alert_id: group.alert_title for group in bundle.groups}
    only = next(iter(alerts.values())) if len(alerts) == 1 else f"{len(alerts)} alerts"
    is_more = bundle.total > len(bundle.groups)
    return ", ".join(names) or ("alerts" if is_more and len(alerts) > 1 else only)


def _counts(bundle: BundlePayload) -> str:
    """`3 fired, 1 fired and recovered`, or `3 still fire`."""
    if bundle.kind is BundleKind.REMINDER:
        return f"{bundle.total:,} still fire{'s' if bundle.total == 1 else ''}"
    counts = ((word, bundle.counts.get(outcome, 0)) for outcome, word in _WORDS.items())
    return ", ".join(f"{count:,} {word}" for word, count in counts if count)


def _sections(bundle: BundlePayload) -> Iterator[Section]:
    is_one_alert = len({group.alert_id for group in bundle.groups}) == 1
    for group in bundle.groups:
        section = transition_section(group, encodable(_heading(group, is_one_alert=is_one_alert)))
        facts = tuple(fact for fact in section.facts if fact.name in _FACTS)
        yield replace(section, facts=facts)
    hidden = bundle.total - len(bundle.groups)
    if hidden:
        yield Section(text=f"and {hidden:,} more, {bundle.total:,} in total")
    if len(bundle.alerts) == 1 and (description := bundle.alerts[0].description):
        yield Section(text=encodable(description))


def _heading(group: _BundledGroup, *, is_one_alert: bool) -> str:
    """`Failed logins, ZA: fired and recovered (fired with 42)`."""
    names = [] if is_one_alert and group.group else [group.alert_title]
    text = ", ".join([*names, *([group.group] if group.group else [])])
    text += f": {_WORDS[GroupOutcome(group.status)]}"
    if group.fired_value is not msgspec.UNSET:
        text += f" (fired with {spell_value(group.fired_value, group.unit)})"
    return text


def _links(bundle: BundlePayload) -> Iterator[Link]:
    """The pages of the alerts, and the runbook of a single one."""
    is_one = len(bundle.alerts) == 1
    for alert in bundle.alerts:
        if alert.url:
            name = "Alert" if is_one else encodable(alert.alert_title)
            yield Link(name, encodable(alert.url))
        if is_one and alert.runbook_url:
            yield Link("Runbook", encodable(alert.runbook_url))
