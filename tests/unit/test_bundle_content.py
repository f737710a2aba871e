"""The payload and the message of bundles and reminders."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from support.slack_limits import check_blocks
from support.transitions import ALERT, DETAILS, RECOVERY, TRANSITION
from tocsin.model.notifications.bundle_payload import BundleKind, BundleMessage, payload_of
from tocsin.model.notifications.bundles import BundleEntry
from tocsin.model.notifications.content import Content, Tone
from tocsin.model.notifications.default_content import default_content
from tocsin.model.notifications.grouping import Grouping
from tocsin.model.severity import Severity
from tocsin.notifications.senders.slack_blocks import blocks_of

AT = datetime(2026, 3, 20, 14, 40, tzinfo=UTC)
SUBSCRIPTION = UUID(int=7)
Group = tuple[BundleEntry, dict[str, Any] | None, dict[str, Any] | None]


def group(name: str, *, fired: bool = True, recovered: bool = False, **members: Any) -> Group:
    members = {"dimensions": {"interaction_country": name}, **members}
    entry = BundleEntry(
        key=(ALERT,),
        severity=Severity(members.get("severity", "critical")),
        is_firing=not recovered,
        is_held=True,
        has_fired=fired,
    )
    firing, recovery = {**TRANSITION, **DETAILS, **members}, {**RECOVERY, **DETAILS, **members}
    return entry, firing, recovery if recovered else None


def payload(
    groups: list[Group], by: Any = "alert", kind: BundleKind = BundleKind.BUNDLE
) -> dict[str, Any]:
    key = (ALERT,) if by == "alert" else ("identity",) * len(by)
    message = BundleMessage(
        kind=kind,
        bundle_id=UUID(int=9),
        subscription_id=SUBSCRIPTION,
        grouping=Grouping(by=by),
        key=key,
        entries=[entry for entry, _, _ in groups],
        firing=sum(entry.is_firing for entry, _, _ in groups),
        at=AT,
        opened_at=AT,
    )
    built: dict[str, Any] = json.loads(msgspec.json.encode(payload_of(message, groups[:20])))
    return built


def content(*arguments: Any, **members: Any) -> Content:
    built = payload(*arguments, **members)
    interaction = {"origin": "METRIC_EVAL", "action": built["kind"], "interaction": built}
    return default_content(interaction)


def test_a_bundle_of_one_alert_names_its_groups() -> None:
    groups = [
        group("ZA"),
        group("US", recovered=True),
        group("UK", fired=False, recovered=True),
    ]
    message = content(groups)
    counts = "1 fired, 1 fired and recovered, 1 recovered"
    assert message.title == f"[critical] Failed logins: {counts}"
    assert message.tone is Tone.CRITICAL
    headings = [section.heading for section in message.sections]
    assert headings[:3] == [
        "ZA: fired",
        "US: fired and recovered (fired with 42%)",
        "UK: recovered",
    ]
    assert message.sections[-1].text == DETAILS["description"]
    assert [link.name for link in message.links] == ["Alert", "Runbook"]
    assert "Failed logins (5m): 42% (4 of 61)" in message.body
    assert "Fired for: 5 m 10 s" in message.body


def test_a_bundle_in_which_nothing_fires_is_a_recovery() -> None:
    message = content([group("ZA", fired=False, recovered=True)])
    assert message.title == "[recovered] Failed logins: 1 recovered"
    assert message.tone is Tone.RECOVERED


def test_a_reminder_says_how_many_groups_still_fire() -> None:
    message = content([group("ZA"), group("US")], kind=BundleKind.REMINDER)
    assert message.title == "[critical] Failed logins: 2 still fire"
    message = content([group("ZA")], kind=BundleKind.REMINDER)
    assert message.title == "[critical] Failed logins: 1 still fires"


def test_a_bundle_of_several_alerts_names_each_of_them() -> None:
    other = "0191e4a0-0000-7000-8000-00000000a1e8"
    groups = [
        group("ZA"),
        group("ZA", alertId=other, alertTitle="Orders", url="https://a.example", severity="info"),
    ]
    message = content(groups, by=("labels.team",))
    assert message.title == "[critical] team=identity: 2 fired"
    assert message.sections[1].heading == "Orders, ZA: fired"
    assert [link.name for link in message.links] == ["Failed logins", "Orders"]
    assert content(groups, by=()).title == "[critical] 2 alerts: 2 fired"


def test_groups_beyond_the_twentieth_are_counted() -> None:
    groups = [group(f"n{number}") for number in range(1_234)]
    message = content(groups)
    assert message.title == "[critical] Failed logins: 1,234 fired"
    assert "and 1,214 more, 1,234 in total" in message.body
    check_blocks(blocks_of(message))


def test_the_payload_has_the_members_of_one_alert_and_of_each_group() -> None:
    built = payload([group("ZA"), group("US", recovered=True)])
    assert (built["kind"], built["total"], built["firing"]) == ("bundle", 2, 1)
    assert built["counts"] == {"exceeded": 1, "recovered": 0, "both": 1}
    assert built["key"] == {"alertId": ALERT}
    assert (built["alertTitle"], built["labels"]) == ("Failed logins", DETAILS["labels"])
    first, second = built["groups"]
    assert "description" not in first
    assert (first["status"], first["value"]) == ("exceeded", 42)
    assert (second["status"], second["value"], second["firedValue"]) == ("both", 3, 42)
    assert second["durationSeconds"] == 310


@pytest.mark.parametrize("wrong", [{"groups": 1}, {"counts": {"x": 1}}, {"kind": "other"}])
def test_an_interaction_that_only_looks_like_a_bundle_is_shown_as_any_other(
    wrong: dict[str, Any],
) -> None:
    built = {**payload([group("ZA")]), **wrong}
    interaction = {
        **{"origin": "METRIC_EVAL", "action": "bundle", "interaction": built},
        **{"resourceType": "T", "resourceId": "r", "timestamp": "2026-03-20T14:40:00.000Z"},
    }
    assert default_content(interaction).title == "T r: bundle"
