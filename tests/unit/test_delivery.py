"""The next step after an attempt, and the message of a subscription without a template."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tocsin.model.notifications.delivery import DeliveryStatus, SendResult, delivery_id
from tocsin.model.notifications.message import default_body, default_title
from tocsin.model.notifications.retries import RETRY_DELAYS, next_step
from tocsin.model.notifications.retry_after import LONGEST_DELAY

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
FAILED = SendResult("answered 500", 500)
TRANSITION = {
    "alertTitle": "Failed logins",
    "metricName": "Failed logins (5m)",
    "severity": "critical",
    "status": "exceeded",
    "value": 42,
    "operator": "gt",
    "threshold": 10,
    "dimensions": {"interaction_country": "ZA"},
}


def test_it_is_tried_again_after_longer_and_longer_and_then_has_failed() -> None:
    verdicts = [next_step(tries, FAILED, AT, 0.0) for tries in range(1, 9)]
    assert [v.due and v.due - AT for v in verdicts] == [*RETRY_DELAYS, None]
    assert [v.status for v in verdicts] == [DeliveryStatus.PENDING] * 7 + [DeliveryStatus.FAILED]


@pytest.mark.parametrize("jitter", [-1.0, 0.0, 1.0])
def test_jitter_moves_a_try_by_a_fifth_at_most(jitter: float) -> None:
    due = next_step(2, FAILED, AT, jitter).due
    assert due == AT + timedelta(minutes=1) * (1 + 0.2 * jitter)


@pytest.mark.parametrize(
    ("requested", "waits"),
    [
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=365), LONGEST_DELAY),
    ],
)
def test_retry_after_makes_it_later_but_not_for_ever(
    requested: timedelta, waits: timedelta
) -> None:
    assert next_step(1, SendResult("busy", 429, requested), AT, 0.0).due == AT + waits


def test_sent_is_sent_and_gone_is_not_tried_again() -> None:
    assert next_step(1, SendResult(http_status=200), AT, 0.0).status is DeliveryStatus.SENT
    assert next_step(1, SendResult("answered 410", 410), AT, 0.0).status is DeliveryStatus.FAILED


def test_a_delivery_has_the_same_id_whenever_its_two_meet() -> None:
    subscription, interaction = uuid4(), uuid4().bytes
    assert delivery_id(subscription, interaction) == delivery_id(subscription, interaction)
    assert delivery_id(uuid4(), interaction) != delivery_id(subscription, interaction)


def interaction(payload: dict[str, Any], origin: str = "METRIC_EVAL") -> dict[str, Any]:
    return {
        "resourceType": "CUSTOMER",
        "resourceId": "42",
        "action": "LEFT",
        "origin": origin,
        "timestamp": "2026-03-20T14:30:00.000Z",
        "interaction": payload,
    }


def test_a_transition_says_which_alert_and_why() -> None:
    assert default_title(interaction(TRANSITION)) == "[critical] Failed logins: exceeded"
    assert default_body(interaction(TRANSITION)).splitlines() == [
        "Failed logins (5m): 42 (gt 10)",
        "interaction_country: ZA",
        "2026-03-20T14:30:00.000Z",
    ]


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ("ms", "Failed logins (5m): 42 ms (gt 10 ms)"),
        ("%", "Failed logins (5m): 42% (gt 10%)"),
        (7, "Failed logins (5m): 42 (gt 10)"),
    ],
)
def test_the_values_of_a_transition_have_their_unit(unit: Any, line: str) -> None:
    assert default_body(interaction({**TRANSITION, "unit": unit})).splitlines()[0] == line


def test_the_guards_of_a_transition_are_listed_with_their_values() -> None:
    guard = {"metricName": "Logins (5m)", "operator": "gte", "threshold": 50}
    payload = {**TRANSITION, "guards": [{**guard, "value": 61}, {**guard, "value": None}, {}, 5]}
    assert default_body(interaction(payload)).splitlines()[1:3] == [
        "only when Logins (5m): 61 (gte 50)",
        "only when Logins (5m): no data (gte 50)",
    ]
    assert default_body(interaction({**TRANSITION, "guards": "x"}))


@pytest.mark.parametrize("value", [None, [], {}, "x", 1])
def test_every_payload_has_a_message(value: Any) -> None:
    for payload in (dict.fromkeys(TRANSITION, value), {"a": value}, {}):
        for origin in ("METRIC_EVAL", "WEB"):
            assert default_title(interaction(payload, origin))
            assert default_body(interaction(payload, origin))


def test_anything_else_says_what_happened_to_what() -> None:
    rendered = interaction({"country": "ZA"}, "WEB")
    assert default_title(rendered) == "CUSTOMER 42: LEFT"
    assert default_body(rendered).splitlines()[0] == "country: ZA"
