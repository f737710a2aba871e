"""The sample depends only on the seed and the time, and resembles a shop."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tocsin.cli.demo.sample import (
    INCIDENT_EVERY,
    MINUTE,
    OUTAGE,
    OUTAGE_PAYMENTS,
    PER_SECOND,
    Detail,
    busyness,
    incident_country,
    interactions,
)

AT = datetime(2026, 3, 20, 14, 30, 17, 500_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_same_seed_and_time_give_the_same_interactions() -> None:
    assert list(interactions(1, AT, AT + 5 * MINUTE)) == list(interactions(1, AT, AT + 5 * MINUTE))


def test_adjacent_time_ranges_add_up() -> None:
    middle = AT + timedelta(seconds=71.25)
    parts = [*interactions(1, AT, middle), *interactions(1, middle, AT + 5 * MINUTE)]
    assert parts == list(interactions(1, AT, AT + 5 * MINUTE))


def test_another_seed_gives_other_interactions() -> None:
    assert list(interactions(1, AT, AT + MINUTE)) != list(interactions(2, AT, AT + MINUTE))


def test_interactions_are_in_the_order_of_time_and_within_the_range() -> None:
    stamps = [each["timestamp"] for each in interactions(1, AT, AT + 5 * MINUTE)]
    assert stamps == sorted(stamps)
    assert stamps[0] > "2026-03-20T14:30:17.500Z"
    assert stamps[-1] <= "2026-03-20T14:35:17.500Z"


def test_every_interaction_has_an_id_of_its_own() -> None:
    ids = [each["interactionId"] for each in interactions(1, AT, AT + HOUR)]
    assert len(ids) == len(set(ids))


def test_the_usual_rate_follows_the_time_of_day() -> None:
    for hour in range(24):
        minute = AT.replace(hour=hour, minute=0, second=0, microsecond=0)
        sample = interactions(1, minute, minute + MINUTE, detail=Detail.FEW_INCIDENTS)
        usual = [each for each in sample if each["interaction"].get("reason") != OUTAGE]
        if incident_country(1, minute) is None:
            assert abs(len(usual) / 60 / PER_SECOND - busyness(minute)) < 0.4
    assert busyness(AT.replace(hour=15, minute=0)) == pytest.approx(1.5)
    assert busyness(AT.replace(hour=3, minute=0)) == pytest.approx(0.5)


def test_history_is_a_part_of_what_the_same_time_has_live() -> None:
    live = {each["interactionId"]: each for each in interactions(1, AT, AT + HOUR)}
    few = list(interactions(1, AT, AT + HOUR, detail=Detail.FEW_INCIDENTS))
    orders = list(interactions(1, AT, AT + HOUR, detail=Detail.ORDERS))
    assert len(orders) < len(few) < len(live)
    assert all(live[each["interactionId"]] == each for each in [*few, *orders])
    assert {each["action"] for each in orders} == {"PLACED"}


def test_a_day_of_history_has_some_incidents_and_outages() -> None:
    day = list(interactions(1, AT, AT + 24 * HOUR, detail=Detail.FEW_INCIDENTS))
    reasons = Counter(each["interaction"].get("reason") for each in day)
    assert 4 * OUTAGE_PAYMENTS < reasons[OUTAGE] < 14 * OUTAGE_PAYMENTS
    assert 4 < reasons["wrong_password"] / reasons["locked"] < 40
    slow = [each["interaction"]["durationMs"] for each in day if each["action"] == "COMPLETED"]
    assert max(slow) > 3 * sorted(slow)[len(slow) // 2]


def test_ids_are_uuids_of_version_4() -> None:
    ids = [each["interactionId"] for each in interactions(1, AT, AT + MINUTE)]
    assert all(str(UUID(id)) == id and UUID(id).version == 4 for id in ids)


def test_an_incident_raises_the_failed_logins_of_its_country() -> None:
    minutes = [AT.replace(second=0, microsecond=0) + n * MINUTE for n in range(INCIDENT_EVERY)]
    incident = next(minute for minute in minutes if incident_country(1, minute))
    failed = Counter(
        each["interaction"]["country"]
        for each in interactions(1, incident, incident + MINUTE)
        if each["action"] == "LOGIN_FAILED"
    )
    assert failed.most_common(1)[0][0] == incident_country(1, incident)
    assert failed.most_common(1)[0][1] > 200


def test_a_customer_has_one_country() -> None:
    countries: dict[str, set[str]] = {}
    for each in interactions(1, AT, AT + HOUR):
        if each["action"] == "PLACED":
            countries.setdefault(each["userId"], set()).add(each["interaction"]["country"])
    assert {len(of_customer) for of_customer in countries.values()} == {1}
