"""The sample is the same whenever it is made, and looks like a shop."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from tocsin.cli.demo.sample import INCIDENT_EVERY, MINUTE, incident_country, interactions

AT = datetime(2026, 3, 20, 14, 30, 17, 500_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_equal_stretches_of_time_hold_equal_interactions() -> None:
    assert list(interactions(1, AT, AT + 5 * MINUTE)) == list(interactions(1, AT, AT + 5 * MINUTE))


def test_a_stretch_is_the_sum_of_its_parts() -> None:
    middle = AT + timedelta(seconds=71.25)
    parts = [*interactions(1, AT, middle), *interactions(1, middle, AT + 5 * MINUTE)]
    assert parts == list(interactions(1, AT, AT + 5 * MINUTE))


def test_another_seed_makes_another_shop() -> None:
    assert list(interactions(1, AT, AT + MINUTE)) != list(interactions(2, AT, AT + MINUTE))


def test_interactions_come_in_the_order_of_time_and_within_it() -> None:
    stamps = [one["timestamp"] for one in interactions(1, AT, AT + 5 * MINUTE)]
    assert stamps == sorted(stamps)
    assert stamps[0] > "2026-03-20T14:30:17.500Z"
    assert stamps[-1] <= "2026-03-20T14:35:17.500Z"


def test_every_interaction_has_an_id_of_its_own() -> None:
    ids = [one["interactionId"] for one in interactions(1, AT, AT + HOUR)]
    assert len(ids) == len(set(ids))


def test_ten_to_twenty_happen_in_a_second_when_all_is_calm() -> None:
    for number in range(60):
        minute = AT.replace(second=0, microsecond=0) + number * MINUTE
        if incident_country(1, minute) is None:
            count = sum(1 for _ in interactions(1, minute, minute + MINUTE))
            assert 10 * 60 <= count <= 20 * 60 + 300


def test_an_incident_shows_in_the_failed_logins_of_its_country() -> None:
    minutes = [AT.replace(second=0, microsecond=0) + n * MINUTE for n in range(INCIDENT_EVERY)]
    incident = next(minute for minute in minutes if incident_country(1, minute))
    failed = Counter(
        one["interaction"]["country"]
        for one in interactions(1, incident, incident + MINUTE)
        if one["action"] == "LOGIN_FAILED"
    )
    assert failed.most_common(1)[0][0] == incident_country(1, incident)
    assert failed.most_common(1)[0][1] > 200


def test_a_customer_stays_in_one_country() -> None:
    countries: dict[str, set[str]] = {}
    for one in interactions(1, AT, AT + HOUR):
        if one["action"] == "PLACED":
            countries.setdefault(one["userId"], set()).add(one["interaction"]["country"])
    assert {len(of_one) for of_one in countries.values()} == {1}
