"""The message of a delivery, and its default title and body where there is no template."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from tocsin.model.instant import format_instant
from tocsin.model.metrics.units import with_unit
from tocsin.model.notifications import dropped
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import Delivery

MAX_TITLE = 300
MAX_BODY = 20_000

_LONGEST_VALUE = 200
# Control characters, and the line and paragraph separators that are none.
_CONTROLS = ("Cc", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is that of the delivery, the same for every attempt; `snapshot` is the interaction's
    JSON."""

    id: str
    at: datetime
    title: str
    body: str
    snapshot: str
    event: str
    happened: str


def default_title(interaction: Mapping[str, Any]) -> str:
    """`[critical] Failed logins: exceeded`, or `CUSTOMER 42: LOGIN_FAILED`."""
    payload = interaction["interaction"]
    if _is_transition(interaction):
        return f"[{payload['severity']}] {payload['alertTitle']}: {payload['status']}"[:MAX_TITLE]
    if dropped.is_of_flood(interaction):
        return dropped.title_of(payload)
    text = f"{interaction['resourceType']} {interaction['resourceId']}: {interaction['action']}"
    return text[:MAX_TITLE]


def default_body(interaction: Mapping[str, Any]) -> str:
    """The condition of a transition; of any other interaction its payload, a line for each key."""
    payload = interaction["interaction"]
    if dropped.is_of_flood(interaction):
        lines = dropped.lines_of(payload)
    else:
        lines = _transition(payload) if _is_transition(interaction) else _lines(payload)
    return "\n".join([*lines, interaction["timestamp"]])[:MAX_BODY]


def one_line(text: str) -> str:
    """The text without line ends and other control characters: as a subject and in bold it has to
    be one line."""
    return " ".join(_without_controls(text).split())


def printable_lines(text: str) -> str:
    """The text without control characters other than tabs and line ends."""
    return "\n".join(
        "\t".join(_without_controls(part) for part in line.split("\t"))
        for line in text.splitlines()
    )


def _without_controls(text: str) -> str:
    return "".join(" " if unicodedata.category(c) in _CONTROLS else c for c in text)


def _is_transition(interaction: Mapping[str, Any]) -> bool:
    payload = interaction["interaction"]
    named = {"alertTitle", "metricName", "severity", "status", "value", "operator", "threshold"}
    return bool(interaction["origin"] == "METRIC_EVAL" and named <= payload.keys())


def _transition(payload: Mapping[str, Any]) -> list[str]:
    unit = payload.get("unit")
    value = _shown(payload["value"], unit)
    threshold = with_unit(payload["threshold"], unit)
    lines = [f"{payload['metricName']}: {value} ({payload['operator']} {threshold})"]
    lines += _guards(payload.get("guards"))
    dimensions = payload.get("dimensions")
    lines += _lines(dimensions if isinstance(dimensions, dict) else {})
    if payload.get("durationSeconds") is not None:
        lines.append(f"after {payload['durationSeconds']} s")
    return lines


def _guards(guards: Any) -> list[str]:
    """A line for each guard: `only when Logins (5m): 61 (gte 50)`."""
    named = {"metricName", "operator", "threshold", "value"}
    return [
        f"only when {g['metricName']}: {_shown(g['value'])} ({g['operator']} {g['threshold']})"
        for g in (guards if isinstance(guards, list) else [])
        if isinstance(g, dict) and named <= g.keys()
    ]


def _shown(value: Any, unit: Any = None) -> str:
    return "no data" if value is None else with_unit(value, unit)


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {value}"[:_LONGEST_VALUE] for name, value in values.items()]


def message_of(delivery: Delivery, title: str, body: str, at: datetime) -> Message:
    interaction = delivery.interaction
    return Message(
        id=str(delivery.delivery_id),
        at=at,
        title=title,
        body=body,
        snapshot=delivery.snapshot,
        event=f"{interaction['resourceType']}.{interaction['action']}",
        happened=interaction["timestamp"],
    )


def sample(channel: Channel, at: datetime) -> Message:
    """The test message of a channel; it has the form of a delivery."""
    name = channel.spec.name
    interaction = {
        "interactionId": str(uuid4()),
        "resourceId": str(channel.channel_id),
        "resourceType": "CHANNEL",
        "action": "test",
        "origin": "NOTIFY",
        "timestamp": format_instant(at),
        "interaction": {"channelName": name},
    }
    return Message(
        id=f"test-{uuid4()}",
        at=at,
        title="Test message from Tocsin",
        body=f"This is a test message from Tocsin for the channel {name}.",
        snapshot=json.dumps(interaction),
        event="CHANNEL.test",
        happened=format_instant(at),
    )
