"""The message of an alert's transition, from the interaction that the transition writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tocsin.model.group_name import group_hash, group_name, group_text
from tocsin.model.interactions.filter import WORDS as SIGNS
from tocsin.model.interactions.filter import Operator
from tocsin.model.metrics.units import with_unit
from tocsin.model.notifications.content import Content, Fact, Link, Section, Tone, encodable
from tocsin.model.notifications.spelling import (
    spell_any,
    spell_instant,
    spell_number,
    spell_seconds,
    spell_value,
)

ORIGIN = "METRIC_EVAL"
EXCEEDED, RECOVERED = "exceeded", "recovered"


class GuardPayload(msgspec.Struct, rename="camel"):
    metric_name: str
    operator: str
    value: Any
    threshold: Any


class TransitionPayload(msgspec.Struct, rename="camel"):
    """The payload of a transition's interaction; "The interaction of a transition" in
    docs/reference/alerts.md. Earlier versions wrote fewer members."""

    alert_id: str
    alert_title: str
    metric_name: str
    severity: str
    status: str
    value: Any
    operator: str
    threshold: Any
    evaluated_at: str
    dimensions: dict[str, Any] = {}
    fired_at: str | None = None
    duration_seconds: float | None = None
    description: str | None = None
    runbook_url: str | None = None
    labels: dict[str, str] = {}
    unit: str | None = None
    guards: list[GuardPayload] = []
    numerator: Any = None
    denominator: Any = None
    current: Any = None
    base: Any = None
    url: str | None = None

    @property
    def is_recovery(self) -> bool:
        return self.status == RECOVERED

    @property
    def tone(self) -> Tone:
        return Tone.RECOVERED if self.is_recovery else Tone.of(self.severity)

    @property
    def group(self) -> str:
        return encodable(group_name(self.dimensions))

    @property
    def group_hash(self) -> str:
        """Identifies the alert and the group."""
        return group_hash(self.alert_id, self.dimensions)

    @property
    def episode(self) -> str:
        """Identifies the episode, from the firing of the group to its recovery."""
        fired_at = self.fired_at or self.evaluated_at
        return group_hash(self.alert_id, self.dimensions, fired_at)

    @property
    def links(self) -> tuple[Link, ...]:
        links = Link.to("Alert", self.url), Link.to("Runbook", self.runbook_url)
        return tuple(link for link in links if link)


def read_transition(interaction: Mapping[str, Any]) -> TransitionPayload | None:
    """The payload of an interaction that a transition wrote; None for any other interaction."""
    if interaction["origin"] != ORIGIN:
        return None
    try:
        return msgspec.convert(interaction["interaction"], TransitionPayload)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return None


def transition_content(transition: TransitionPayload) -> Content:
    """A message about one group: its section, then the description and the labels of the alert."""
    word = RECOVERED if transition.is_recovery else transition.severity
    name = encodable(transition.alert_title)
    group = f": {transition.group}" if transition.group else ""
    return Content(
        title=f"[{word}] {name}{group}",
        tone=transition.tone,
        sections=(transition_section(transition), *alert_sections(transition)),
        links=transition.links,
        threads=(transition.episode,),
    )


def transition_section(transition: TransitionPayload, heading: str = "") -> Section:
    """The value, condition, guards, dimensions and times of one group."""
    value = f"{transition.metric_name}: {_value(transition)}"
    return Section(heading, encodable(value), tuple(_facts(transition)))


def alert_sections(transition: TransitionPayload) -> Iterator[Section]:
    """The members that all groups of an alert share: description and labels."""
    if transition.description:
        yield Section(text=encodable(transition.description))
    if transition.labels:
        labels = transition.labels.items()
        facts = tuple(Fact(encodable(k), encodable(v)) for k, v in labels)
        yield Section(facts=facts, is_minor=True)


def _facts(transition: TransitionPayload) -> Iterator[Fact]:
    threshold = spell_value(transition.threshold, transition.unit)
    yield Fact("Condition", f"{_sign(transition.operator)} {threshold}")
    for guard in transition.guards:
        yield Fact("Only when", encodable(_guard(guard)))
    for name, value in transition.dimensions.items():
        yield Fact(encodable(name), encodable(group_text(value)))
    if transition.is_recovery:
        yield Fact("Severity", transition.severity)
    yield from _times(transition)


def _times(transition: TransitionPayload) -> Iterator[Fact]:
    since = spell_instant(transition.fired_at or transition.evaluated_at)
    if not transition.is_recovery:
        yield Fact("Since", since)
        return
    if transition.duration_seconds is not None:
        yield Fact("Fired for", spell_seconds(transition.duration_seconds))
    yield Fact("Fired", f"{since} to {spell_instant(transition.evaluated_at)}")


def _value(transition: TransitionPayload) -> str:
    """`6.667% (2 of 30)`. A value that would look like the threshold has all of its digits."""
    number = spell_number(transition.value)
    if number == spell_number(transition.threshold) and transition.value != transition.threshold:
        number = spell_any(transition.value)
    if transition.value is None:
        return spell_value(None)
    return f"{with_unit(number, transition.unit)}{_sides(transition)}"


def _sides(transition: TransitionPayload) -> str:
    """Both sides of a ratio, or of a comparison of periods."""
    t = transition
    if t.numerator is not None or t.denominator is not None:
        return f" ({spell_value(t.numerator)} of {spell_value(t.denominator)})"
    if t.current is not None or t.base is not None:
        return f" ({spell_value(t.current)}, base {spell_value(t.base)})"
    return ""


def _guard(guard: GuardPayload) -> str:
    """`Logins (5m): 61 (≥ 50)`."""
    condition = f"{_sign(guard.operator)} {spell_value(guard.threshold)}"
    return f"{guard.metric_name}: {spell_value(guard.value)} ({condition})"


def _sign(operator: str) -> str:
    return SIGNS[Operator(operator)] if operator in list(Operator) else operator
