"""Retries, pauses and limits with receivers that fail, redirect, pause, stall or never finish."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from support.delivery_harness import DeliveryHarness
from support.receivers import Receiver, answering, deaf, never_ending, receiver
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.message import sample
from tocsin.model.notifications.retries import JITTER, RETRY_DELAYS
from tocsin.model.notifications.retry_after import LONGEST_DELAY
from tocsin.notifications.dispatcher import CONCURRENCY
from tocsin.notifications.senders.http import MAX_RESPONSE
from tocsin.notifications.senders.senders import Senders

HOUR = timedelta(hours=1)
FIRST_RETRY = RETRY_DELAYS[0] * (1 + JITTER)


def test_a_receiver_that_is_down_for_an_hour_gets_its_delivery_afterwards_under_the_same_id(
    harness: DeliveryHarness,
) -> None:
    endpoint = Receiver()
    endpoint.start()
    endpoint.stop()
    harness.subscribe(harness.channel(url=endpoint.url))
    harness.start()
    harness.enqueue()
    since = harness.now()
    harness.wait(lambda: harness.only().tries == 1)
    while harness.now() - since < HOUR:
        tries = harness.only().tries
        harness.skip_to_next_attempt()

        def has_tried_again(tries: int = tries) -> bool:
            return harness.only().tries > tries or harness.now() - since > HOUR

        harness.wait(has_tried_again)
    endpoint.start()
    try:
        if harness.only().status is DeliveryStatus.PENDING:
            harness.skip_to_next_attempt()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
    finally:
        endpoint.stop()
    delivery = harness.only()
    assert [message.id for message in endpoint.received] == [str(delivery.delivery_id)]
    errors = {attempt.result.error for attempt in delivery.attempts[:-1]}
    assert errors == {"Connection refused"}
    pairs = zip(delivery.attempts, delivery.attempts[1:], strict=False)
    for (first, second), delay in zip(pairs, RETRY_DELAYS, strict=False):
        passed = second.at - first.at
        assert delay * (1 - JITTER) <= passed <= delay * (1 + JITTER) + timedelta(seconds=20)


def test_after_the_last_attempt_a_delivery_has_failed_and_its_outcome_is_recorded(
    harness: DeliveryHarness,
) -> None:
    with receiver(answering(500)) as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.start(delays=[timedelta(milliseconds=10)] * 3)
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.FAILED))
        assert len(endpoint.received) == len({message.at for message in endpoint.received}) == 4
        assert len({message.id for message in endpoint.received}) == 1
    harness.wait(lambda: harness.recorded)
    (outcome,) = harness.recorded
    assert (outcome["action"], outcome["origin"], outcome["resourceId"]) == (
        "notify-err",
        "NOTIFY",
        "0",
    )
    assert outcome["interaction"]["httpStatus"] == 500
    assert outcome["interaction"]["attempts"] == 4


def test_an_attempt_without_an_answer_times_out_and_is_retried(harness: DeliveryHarness) -> None:
    with deaf() as url:
        harness.subscribe(harness.channel(url=url))
        harness.start(Senders(allow_private=True, seconds=0.1))
        harness.enqueue()
        harness.wait(lambda: harness.only().tries == 1)
    delivery = harness.only()
    assert delivery.status is DeliveryStatus.PENDING
    assert "did not answer" in (delivery.attempts[0].result.error or "")


def test_410_disables_the_channel_and_new_deliveries_are_skipped(harness: DeliveryHarness) -> None:
    with receiver(answering(410)) as endpoint:
        channel = harness.channel(url=endpoint.url)
        harness.subscribe(channel)
        harness.start()
        harness.enqueue()
        harness.wait(lambda: not harness.channels.get(channel.channel_id).spec.enabled)
        assert harness.only().status is DeliveryStatus.FAILED
        assert "410" in (harness.channels.get(channel.channel_id).disabled_reason or "")
        harness.enqueue()
        (skipped,) = harness.all(DeliveryStatus.SKIPPED)
        assert skipped.skip_reason == "The channel was disabled: It answered 410 Gone"
        endpoint.behave = answering(204)
        harness.channels.replace(channel.channel_id, channel.spec, harness.now())
        harness.enqueue()
        harness.wait(lambda: harness.all(DeliveryStatus.SENT))
        assert len(harness.all(DeliveryStatus.SKIPPED)) == 1


def test_429_with_retry_after_pauses_the_whole_channel_for_that_time(
    harness: DeliveryHarness,
) -> None:
    with receiver(answering(429, Retry_After="3600")) as endpoint, receiver() as other:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.only().tries == 1)
        due = harness.only().due
        assert due is not None
        assert HOUR - timedelta(minutes=1) < due - harness.now() <= HOUR
        endpoint.behave = answering(204)
        harness.subscribe(harness.channel(url=other.url))
        harness.enqueue()
        harness.wait(lambda: other.received)
        assert len(endpoint.received) == 1
        harness.clock_offset = HOUR
        harness.wait(lambda: len(harness.all(DeliveryStatus.SENT)) == 3)


FAR_DATES = [
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Friday, 31-Dec-75 23:59:59 GMT",
    "Fri Dec 31 23:59:59 9999",
]


@pytest.mark.parametrize("date", FAR_DATES)
def test_a_far_date_in_retry_after_pauses_for_a_day_and_frees_the_slots_of_the_lane(
    harness: DeliveryHarness, date: str
) -> None:
    with receiver(answering(503, Retry_After=date)) as endpoint:
        channel = harness.channel(url=endpoint.url)
        harness.subscribe(channel)
        harness.enqueue(CONCURRENCY * 2)
        harness.start()
        harness.wait(lambda: harness.channels.get(channel.channel_id).pause_ends_at)
        pause_ends_at = harness.channels.get(channel.channel_id).pause_ends_at
        assert pause_ends_at is not None
        assert pause_ends_at - harness.now() <= LONGEST_DELAY
        harness.wait(lambda: all(delivery.tries for delivery in harness.all()[-CONCURRENCY:]))
        endpoint.behave = answering(204)
        harness.clock_offset = 2 * LONGEST_DELAY
        harness.wait(lambda: len(harness.all(DeliveryStatus.SENT)) == CONCURRENCY * 2)


def pause(harness: DeliveryHarness, endpoint: Receiver) -> Channel:
    """A channel that is paused for an hour, with an attempted and a new pending delivery."""
    endpoint.behave = answering(429, Retry_After="3600")
    channel = harness.channel(url=endpoint.url)
    harness.subscribe(channel)
    harness.start()
    harness.enqueue()
    harness.wait(lambda: harness.only().tries == 1)
    harness.enqueue()
    endpoint.behave = answering(204)
    return harness.channels.get(channel.channel_id)


def test_pending_deliveries_are_due_at_the_end_of_the_pause(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        paused = pause(harness, endpoint)
        assert [delivery.due for delivery in harness.all()] == [paused.pause_ends_at] * 2
        assert paused.paused_until(harness.now()) == paused.pause_ends_at
        assert paused.paused_until(harness.now() + HOUR) is None


def test_a_restart_keeps_the_pause_of_a_channel(harness: DeliveryHarness, tmp_path: Path) -> None:
    with receiver() as endpoint:
        paused = pause(harness, endpoint)
        harness.close()
        restarted = DeliveryHarness(tmp_path)
        try:
            assert restarted.channels.get(paused.channel_id) == paused
            restarted.subscribe(restarted.channel(url=endpoint.url))
            restarted.start()
            restarted.enqueue()
            restarted.wait(lambda: restarted.all(DeliveryStatus.SENT))
            assert len(endpoint.received) == 2
            assert len(restarted.all(DeliveryStatus.PENDING)) == 3
            restarted.clock_offset = HOUR
            restarted.wait(lambda: len(restarted.all(DeliveryStatus.SENT)) == 4)
        finally:
            restarted.close()


def test_a_test_message_ends_the_pause_unless_the_receiver_requests_another(
    harness: DeliveryHarness,
) -> None:
    with receiver() as endpoint:
        paused = pause(harness, endpoint)
        assert harness.dispatcher
        endpoint.behave = answering(503, Retry_After="7200")
        harness.dispatcher.send(paused, sample(paused, harness.now()))
        longer = harness.channels.get(paused.channel_id).pause_ends_at
        assert longer
        assert HOUR < longer - harness.now() <= 2 * HOUR
        endpoint.behave = answering(204)
        harness.dispatcher.send(paused, sample(paused, harness.now()))
        assert harness.channels.get(paused.channel_id).pause_ends_at is None
        harness.clock_offset = FIRST_RETRY
        harness.wait(lambda: len(harness.all(DeliveryStatus.SENT)) == 2)


def test_a_replaced_channel_is_not_paused(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        paused = pause(harness, endpoint)
        harness.channels.replace(paused.channel_id, paused.spec, harness.now())
        harness.clock_offset = FIRST_RETRY
        harness.wait(lambda: len(harness.all(DeliveryStatus.SENT)) == 2)


def test_a_pending_delivery_of_a_disabled_channel_has_no_next_attempt(
    harness: DeliveryHarness,
) -> None:
    channel = harness.channel(url="http://127.0.0.1:9/")
    harness.subscribe(channel)
    harness.enqueue()
    assert harness.only().due
    harness.channels.disable(channel.channel_id, "by hand", harness.now())
    assert harness.only().due is None


def test_a_redirect_is_not_followed(harness: DeliveryHarness) -> None:
    with receiver() as elsewhere, receiver(answering(307, Location=elsewhere.url)) as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.start()
        harness.enqueue()
        harness.wait(lambda: harness.only().tries == 1)
        assert "redirects are not followed" in (harness.only().attempts[0].result.error or "")
        assert elsewhere.received == []


def test_an_endless_response_body_is_cut_off_and_its_status_counts(
    harness: DeliveryHarness,
) -> None:
    buffers = 8 * 1024 * 1024
    with receiver(never_ending(200)) as good, receiver(never_ending(500)) as bad:
        for endpoint in (good, bad):
            harness.subscribe(harness.channel(url=endpoint.url))
        harness.start()
        harness.enqueue()
        harness.wait(lambda: all(delivery.tries == 1 for delivery in harness.all()))
        statuses = {each.status: each.attempts[0].result.http_status for each in harness.all()}
        assert statuses == {DeliveryStatus.SENT: 200, DeliveryStatus.PENDING: 500}
        assert good.sent < MAX_RESPONSE + buffers
        assert bad.sent < MAX_RESPONSE + buffers


def test_a_failed_delivery_can_be_retried(harness: DeliveryHarness) -> None:
    with receiver(answering(500)) as endpoint:
        harness.subscribe(harness.channel(url=endpoint.url))
        harness.start(delays=[])
        harness.enqueue()
        harness.wait(lambda: len(harness.recorded) == 1)
        endpoint.behave = answering(204)
        harness.deliveries.retry(harness.only().delivery_id, harness.now())
        harness.wait(lambda: len(harness.recorded) == 2)
    assert harness.only().status is DeliveryStatus.SENT
    assert [outcome["action"] for outcome in harness.recorded] == ["notify-err", "notified"]
    assert len({outcome["interactionId"] for outcome in harness.recorded}) == 2
