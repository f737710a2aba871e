"""Subscribes to bundles of a flapping alert, and checks that each transition is in one of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import httpx2 as httpx

from support.flapping import all_of, transitions
from support.receivers import Receiver


def subscribe_to_bundles(client: httpx.Client, there: Receiver) -> None:
    channel = {"name": "c", "kind": "webhook", "settings": {"url": there.url}}
    created = client.post("/api/channels", json=channel).raise_for_status().json()
    subscription = {
        **{"resourceType": "ALERT", "action": "fired", "channelId": created["channelId"]},
        **{"groupBy": "alert", "groupWait": "1s", "repeatEvery": "1h"},
    }
    client.post("/api/subscriptions", json=subscription).raise_for_status()


def check_messages(client: httpx.Client, there: Receiver, alert_id: str, reminders: int) -> None:
    """Each delivery has one content, and each transition is in one bundle."""
    deliveries = all_of(client, "/api/deliveries", "deliveries", {})
    received: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in there.received:
        received[each.id].append(each.json["data"]["interaction"])
    assert received.keys() == {each["deliveryId"] for each in deliveries}
    assert all(each == repeats[0] for repeats in received.values() for each in repeats)
    messages = [repeats[0] for repeats in received.values()]
    bundles = [message for message in messages if message["kind"] == "bundle"]
    reminded = [message["sentAt"] for message in messages if message["kind"] == "reminder"]
    assert len(bundles) + len(reminded) == len(messages)
    assert len(bundles) == len({each["openedAt"] for each in bundles}) > 1
    assert len(reminded) == len(set(reminded)) >= reminders
    check_bundles(bundles, transitions(client, alert_id)[::-1])


def check_bundles(bundles: list[dict[str, Any]], happened: list[dict[str, Any]]) -> None:
    """Each transition is in one bundle, whose outcome is that of its transitions."""
    left: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for transition in happened:
        left[str(transition["dimensions"])].append(transition)
    for bundle in sorted(bundles, key=lambda each: str(each["openedAt"])):
        assert len(bundle["groups"]) == bundle["total"]
        for group in bundle["groups"]:
            waiting = left[str(group["dimensions"])]
            reported = [each for each in waiting if each["at"] <= group["evaluatedAt"]]
            del waiting[: len(reported)]
            assert group["status"] == outcome_of([each["status"] for each in reported])
    assert not any(left.values())


def outcome_of(statuses: list[str]) -> str:
    if statuses[-1] == "FIRING":
        return "exceeded"
    return "both" if "FIRING" in statuses else "recovered"
