"""The next step after an attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tocsin.model.notifications.delivery import DeliveryStatus, SendResult, delivery_id
from tocsin.model.notifications.retries import RETRY_DELAYS, next_step
from tocsin.model.notifications.retry_after import LONGEST_DELAY

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
FAILED = SendResult("answered 500", 500)


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
