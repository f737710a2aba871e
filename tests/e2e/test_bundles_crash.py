"""Kill the server while alerts flap: each transition is in one bundle, and each bundle and reminder
is sent with one id."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx2 as httpx
import pytest

from support.flapping import (
    Moves,
    all_of,
    define,
    flap_until_killed,
    started,
    transitions,
)
from support.receivers import Receiver, receiver, wait_for
from tocsin.model.instant import format_instant


def subscribe(client: httpx.Client, there: Receiver) -> None:
    channel = {"name": "c", "kind": "webhook", "settings": {"url": there.url}}
    created = client.post("/api/channels", json=channel).raise_for_status().json()
    subscription = {
        **{"resourceType": "ALERT", "action": "fired", "channelId": created["channelId"]},
        **{"groupBy": "alert", "groupWait": "1s", "repeatEvery": "1h"},
    }
    client.post("/api/subscriptions", json=subscription).raise_for_status()


def make_reminders_due(folder: Path) -> None:
    """As if an hour had passed while no server ran."""
    now = format_instant(datetime.now(UTC))
    (store,) = folder.glob("*.sqlite")
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE bundles SET remind_at = ? WHERE remind_at IS NOT NULL", (now,))
    connection.close()


def flap_and_crash(folder: Path, crashes: int, seed: int) -> None:
    moves = Moves(Random(seed))
    with receiver() as there, started(folder, TOCSIN_ALLOW_PRIVATE_TARGETS="true") as server:
        with server.client() as client:
            subscribe(client, there)
            alert_id = define(client, "AVG")
        for _ in range(crashes):
            flap_until_killed(server, alert_id, moves)
            make_reminders_due(folder)
            server.start()
        with server.client() as client:
            wait_for(lambda: is_quiet(client, folder))
            check(client, there, alert_id)
        assert server.stop() == 0


def is_quiet(client: httpx.Client, folder: Path) -> bool:
    """Whether no bundle is open and everything is sent."""
    (store,) = folder.glob("*.sqlite")
    with sqlite3.connect(store) as connection:
        query = "SELECT count(*) FROM bundles WHERE closes_at IS NOT NULL"
        open_bundles = connection.execute(query).fetchone()[0]
    connection.close()
    deliveries = all_of(client, "/api/deliveries", "deliveries", {})
    return not open_bundles and {each["status"] for each in deliveries} == {"sent"}


def check(client: httpx.Client, there: Receiver, alert_id: str) -> None:
    deliveries = all_of(client, "/api/deliveries", "deliveries", {})
    received: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in there.received:
        received[each.id].append(each.json["data"]["interaction"])
    assert received.keys() == {each["deliveryId"] for each in deliveries}
    assert all(each == repeats[0] for repeats in received.values() for each in repeats)
    messages = [repeats[0] for repeats in received.values()]
    bundles = [message for message in messages if message["kind"] == "bundle"]
    reminders = [message["sentAt"] for message in messages if message["kind"] == "reminder"]
    assert len(bundles) + len(reminders) == len(messages)
    assert len(bundles) == len({each["openedAt"] for each in bundles}) > 3
    assert len(reminders) == len(set(reminders)) > 0
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


def test_killed_while_bundles_are_open_it_sends_each_bundle_and_reminder_once(
    tmp_path: Path,
) -> None:
    flap_and_crash(tmp_path / "data", crashes=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_many_times_it_still_sends_each_bundle_and_reminder_once(
    seed: int, tmp_path: Path
) -> None:
    flap_and_crash(tmp_path / "data", crashes=20, seed=seed)
