"""Kill the server while alerts flap: each transition is in one bundle, and each bundle and reminder
is sent with one id."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx2 as httpx
import pytest

from support.bundle_checks import check_messages, subscribe_to_bundles
from support.flapping import (
    ALERTS,
    MOVE,
    Moves,
    all_of,
    define,
    flap_until_killed,
    started,
)
from support.receivers import receiver, wait_for
from tocsin.model.instant import format_instant


def make_reminders_due(folder: Path) -> None:
    """As if an hour had passed while no server ran."""
    now = format_instant(datetime.now(UTC))
    (store,) = folder.glob("*.sqlite")
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE bundles SET remind_at = ? WHERE remind_at IS NOT NULL", (now,))
    connection.close()


def fire_for_good(client: httpx.Client, alert_id: str) -> None:
    """A group that no move clears, so that a reminder is due whenever the server was killed."""
    still = {**MOVE, "resourceId": "still", "interaction": {"group": "still", "n": 10}}
    client.post("/api/interactions", json=still).raise_for_status()
    client.post(f"{ALERTS}/{alert_id}/evaluate").raise_for_status()


def flap_and_crash(folder: Path, crashes: int, seed: int) -> None:
    moves = Moves(Random(seed))
    with receiver() as there, started(folder, TOCSIN_ALLOW_PRIVATE_TARGETS="true") as server:
        with server.client() as client:
            subscribe_to_bundles(client, there)
            alert_id = define(client, "AVG")
            fire_for_good(client, alert_id)
            wait_for(lambda: is_quiet(client, folder))
        for _ in range(crashes):
            flap_until_killed(server, alert_id, moves)
            make_reminders_due(folder)
            server.start()
        with server.client() as client:
            wait_for(lambda: is_quiet(client, folder))
            check_messages(client, there, alert_id, reminders=crashes)
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
