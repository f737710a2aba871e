"""The events of PagerDuty's Events API v2 for a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.model.notifications.content import Content, Tone, shortened
from tocsin.model.notifications.incidents import EventAction
from tocsin.model.notifications.message import Message, one_line
from tocsin.model.notifications.transition_content import TransitionPayload

MAX_SUMMARY = 1_024
MAX_EVENT = 500_000
"""In bytes; the API accepts 512 KB."""

_CLIENT = "Tocsin"
_MAX_PART = 1_000
_SEVERITIES: Mapping[Tone, str] = {
    Tone.CRITICAL: "critical",
    Tone.WARNING: "warning",
    Tone.INFO: "info",
}
_DETAILS = (
    "metricName", "value", "unit", "operator", "threshold", "numerator", "denominator", "current",
    "base", "guards", "dimensions", "labels", "description", "evaluatedAt",
)  # fmt: skip


def event_of(
    message: Message, transition: TransitionPayload | None, action: EventAction
) -> dict[str, Any]:
    """The event without its routing key; a resolve needs nothing but the key of the incident."""
    interaction = msgspec.json.decode(message.snapshot)
    event: dict[str, Any] = {
        "event_action": action.value,
        "dedup_key": transition.group_hash if transition else _own_key(interaction, message),
    }
    if action is EventAction.RESOLVE:
        return event
    content = message.content
    event |= {
        "client": _CLIENT,
        "payload": {
            "summary": _summary(content),
            "source": _source(interaction, transition),
            "severity": _SEVERITIES.get(content.tone, "info"),
            "timestamp": message.happened,
            **_components(transition),
            "custom_details": _details(message, interaction["interaction"], transition),
        },
        "links": [{"href": link.url, "text": link.name} for link in _links(content, transition)],
    }
    return event | ({"client_url": transition.url} if transition and transition.url else {})


def _own_key(interaction: Mapping[str, Any], message: Message) -> str:
    """A message of Tocsin itself has no interaction id."""
    return str(interaction["interactionId"] or message.id)


def _summary(content: Content) -> str:
    text = " – ".join(filter(None, (one_line(content.title), one_line(content.lead))))
    return shortened(text or one_line(content.body), MAX_SUMMARY) or _CLIENT


def _source(interaction: Mapping[str, Any], transition: TransitionPayload | None) -> str:
    if transition:
        return shortened(transition.alert_title, _MAX_PART)
    return shortened(f"{interaction['resourceType']} {interaction['resourceId']}", _MAX_PART)


def _components(transition: TransitionPayload | None) -> dict[str, str]:
    if transition is None:
        return {}
    parts = {"component": transition.group, "class": transition.metric_name}
    return {name: shortened(text, _MAX_PART) for name, text in parts.items() if text}


def _links(content: Content, transition: TransitionPayload | None) -> Any:
    """A template replaces the text, but not the links of the incident."""
    return transition.links if transition else content.links


def _details(
    message: Message, payload: Mapping[str, Any], transition: TransitionPayload | None
) -> dict[str, Any]:
    """The values of a transition, or the whole payload; the text of a template; only the text if
    the rest is too large."""
    details = dict(payload)
    if transition:
        details = {name: payload[name] for name in _DETAILS if name in payload}
    if message.content.is_markup:
        details["message"] = message.body
    if len(msgspec.json.encode(details)) > MAX_EVENT - 2 * len(message.body.encode()):
        return {"message": message.body}
    return details
