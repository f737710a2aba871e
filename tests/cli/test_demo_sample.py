"""The sample depends only on the seed and the time, and resembles a shop."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from tocsin.cli.demo.sample import INCIDENT_EVERY, MINUTE, incident_country, interactions

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


def test_the_usual_rate_is_ten_to_twenty_per_second() -> None:
    for number in range(60):
        minute = AT.replace(second=0, microsecond=0) + number * MINUTE
        if incident_country(1, minute) is None:
            count = sum(1 for _ in interactions(1, minute, minute + MINUTE))
            assert 10 * 60 <= count <= 20 * 60 + 300


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
