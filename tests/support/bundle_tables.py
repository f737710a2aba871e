"""Tables of transitions and messages by time, which a reader can check by eye.

The first line has the members of the grouping. Each other line has a time and either what a group
does or, after a bar, the message that is sent:

    groupBy alert, groupWait 30s
    10:00:00  logins/ZA fires
    10:00:30  | bundle: logins/ZA exceeded

A group is an alert, a slash, and the value of its dimension. After it may follow `critical` or
another severity, `team=x` for the alert's label, `unmatched` and `unwritten`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from tocsin.model.notifications.bundles import GroupId, GroupOutcome, GroupTransition
from tocsin.model.notifications.grouping import Grouping, GroupingMembers
from tocsin.model.notifications.planned_messages import PlannedMessage
from tocsin.model.severity import Severity

DAY = datetime(2026, 3, 20, tzinfo=UTC)
DIMENSION = "interaction_country"
_BLOCK = re.compile(r"```text\n(groupBy .*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Table:
    grouping: Grouping
    occurrences: list[GroupTransition]
    messages: list[str]
    times: list[datetime]

    @property
    def until(self) -> datetime:
        return self.times[-1]


def alert_id(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


def read_table(text: str) -> Table:
    head, *lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    times = [_instant(line.split()[0]) for line in lines]
    return Table(
        _grouping(head),
        [_occurrence(line) for line in lines if "|" not in line],
        [_in_order(line) for line in lines if "|" in line and not line.endswith("|")],
        sorted(set(times)),
    )


def lines_of(messages: Iterable[PlannedMessage]) -> list[str]:
    """The messages as the lines of a table, each with its groups in order."""
    return [
        f"{message.at:%H:%M:%S} | {message.kind}: {_groups(message.groups)}"
        for message in sorted(messages, key=lambda each: each.at)
    ]


def group_name(alert: UUID, dimensions: Mapping[str, str | None]) -> str:
    return f"{_ALERTS[alert]}/{dimensions[DIMENSION]}"


def tables_of(document: str) -> list[str]:
    """The tables in a document of Markdown."""
    return _BLOCK.findall(document)


def _groups(groups: Mapping[GroupId, GroupOutcome]) -> str:
    return ", ".join(
        sorted(
            f"{_ALERTS[alert]}/{values[0]} {outcome}" for (alert, values), outcome in groups.items()
        )
    )


def _in_order(line: str) -> str:
    """The line of a message with its groups in the order of their names."""
    head, groups = " ".join(line.split()).split(": ", 1)
    return f"{head}: {', '.join(sorted(groups.split(', ')))}"


_ALERTS: dict[UUID, str] = {}


def _grouping(head: str) -> Grouping:
    body: dict[str, Any] = {}
    for part in head.split(", "):
        name, value = part.split(" ", 1)
        body[name] = value.split() if name == "immediately" or "." in value else value
    grouping = GroupingMembers.model_validate(body).grouping
    assert grouping
    return grouping


def _occurrence(line: str) -> GroupTransition:
    at, group, verb, *rest = line.split()
    alert, _, value = group.partition("/")
    _ALERTS[alert_id(alert)] = alert
    severity = next((Severity(word) for word in rest if word in list(Severity)), Severity.WARNING)
    return GroupTransition(
        at=_instant(at),
        alert_id=alert_id(alert),
        severity=severity,
        is_firing={"fires": True, "recovers": False}[verb],
        dimensions={DIMENSION: value},
        labels=dict(word.split("=") for word in rest if "=" in word),
        is_matched="unmatched" not in rest,
        is_written="unwritten" not in rest,
    )


def _instant(text: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(text), UTC)
