"""Receivers that are not as one would wish: what is kept, when it is tried again, what it costs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from support.desk import Desk
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


def test_a_receiver_that_is_down_for_an_hour_is_told_after_it_under_the_same_id(desk: Desk) -> None:
    there = Receiver()
    there.start()
    there.stop()
    desk.subscribe(desk.channel(url=there.url))
    desk.start()
    desk.tell()
    since = desk.now()
    desk.wait(lambda: desk.only().tries == 1)
    while desk.now() - since < HOUR:
        tries = desk.only().tries
        desk.skip()

        def has_tried_again(tries: int = tries) -> bool:
            return desk.only().tries > tries or desk.now() - since > HOUR

        desk.wait(has_tried_again)
    there.start()
    try:
        if desk.only().status is DeliveryStatus.PENDING:
            desk.skip()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
    finally:
        there.stop()
    delivery = desk.only()
    assert [one.id for one in there.received] == [str(delivery.delivery_id)]
    errors = {one.result.error for one in delivery.attempts[:-1]}
    assert errors == {"Connection refused"}
    pairs = zip(delivery.attempts, delivery.attempts[1:], strict=False)
    for (first, second), delay in zip(pairs, RETRY_DELAYS, strict=False):
        passed = second.at - first.at
        assert delay * (1 - JITTER) <= passed <= delay * (1 + JITTER) + timedelta(seconds=20)


def test_after_the_last_try_it_has_failed_and_the_end_is_recorded(desk: Desk) -> None:
    with receiver(answering(500)) as there:
        desk.subscribe(desk.channel(url=there.url))
        desk.start(delays=[timedelta(milliseconds=10)] * 3)
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.FAILED))
        assert len(there.received) == len({one.at for one in there.received}) == 4
        assert len({one.id for one in there.received}) == 1
    desk.wait(lambda: desk.recorded)
    (end,) = desk.recorded
    assert (end["action"], end["origin"], end["resourceId"]) == ("notify-err", "NOTIFY", "0")
    assert end["interaction"]["httpStatus"] == 500
    assert end["interaction"]["attempts"] == 4


def test_a_receiver_that_never_answers_is_given_up_and_tried_again(desk: Desk) -> None:
    with deaf() as url:
        desk.subscribe(desk.channel(url=url))
        desk.start(Senders(allow_private=True, seconds=0.1))
        desk.tell()
        desk.wait(lambda: desk.only().tries == 1)
    delivery = desk.only()
    assert delivery.status is DeliveryStatus.PENDING
    assert "did not answer" in (delivery.attempts[0].result.error or "")


def test_410_disables_the_channel_and_what_else_is_pending_waits(desk: Desk) -> None:
    with receiver(answering(410)) as there:
        channel = desk.channel(url=there.url)
        desk.subscribe(channel)
        desk.start()
        desk.tell()
        desk.wait(lambda: not desk.channels.get(channel.channel_id).spec.enabled)
        assert desk.only().status is DeliveryStatus.FAILED
        assert "410" in (desk.channels.get(channel.channel_id).disabled_reason or "")
        desk.tell()
        (skipped,) = desk.all(DeliveryStatus.SKIPPED)
        assert skipped.skip_reason == "The channel was disabled: It answered 410 Gone"
        there.behave = answering(204)
        desk.channels.replace(channel.channel_id, channel.spec, desk.now())
        desk.tell()
        desk.wait(lambda: desk.all(DeliveryStatus.SENT))
        assert len(desk.all(DeliveryStatus.SKIPPED)) == 1


def test_429_with_retry_after_leaves_the_whole_channel_alone_for_so_long(desk: Desk) -> None:
    with receiver(answering(429, Retry_After="3600")) as there, receiver() as other:
        desk.subscribe(desk.channel(url=there.url))
        desk.start()
        desk.tell()
        desk.wait(lambda: desk.only().tries == 1)
        due = desk.only().due
        assert due is not None
        assert HOUR - timedelta(minutes=1) < due - desk.now() <= HOUR
        there.behave = answering(204)
        desk.subscribe(desk.channel(url=other.url))
        desk.tell()
        desk.wait(lambda: other.received)
        assert len(there.received) == 1
        desk.ahead = HOUR
        desk.wait(lambda: len(desk.all(DeliveryStatus.SENT)) == 3)


FAR_DATES = [
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Friday, 31-Dec-75 23:59:59 GMT",
    "Fri Dec 31 23:59:59 9999",
]


@pytest.mark.parametrize("date", FAR_DATES)
def test_a_far_date_as_retry_after_costs_a_day_and_no_place_in_the_lane(
    desk: Desk, date: str
) -> None:
    with receiver(answering(503, Retry_After=date)) as there:
        channel = desk.channel(url=there.url)
        desk.subscribe(channel)
        desk.tell(CONCURRENCY * 2)
        desk.start()
        desk.wait(lambda: desk.channels.get(channel.channel_id).resting_until)
        resting_until = desk.channels.get(channel.channel_id).resting_until
        assert resting_until is not None
        assert resting_until - desk.now() <= LONGEST_DELAY
        desk.wait(lambda: all(one.tries for one in desk.all()[-CONCURRENCY:]))
        there.behave = answering(204)
        desk.ahead = 2 * LONGEST_DELAY
        desk.wait(lambda: len(desk.all(DeliveryStatus.SENT)) == CONCURRENCY * 2)


def rest(desk: Desk, there: Receiver) -> Channel:
    """A channel that rests for an hour, with one delivery that was tried and one that was not."""
    there.behave = answering(429, Retry_After="3600")
    channel = desk.channel(url=there.url)
    desk.subscribe(channel)
    desk.start()
    desk.tell()
    desk.wait(lambda: desk.only().tries == 1)
    desk.tell()
    there.behave = answering(204)
    return desk.channels.get(channel.channel_id)


def test_what_is_pending_shows_the_end_of_its_channels_rest(desk: Desk) -> None:
    with receiver() as there:
        resting = rest(desk, there)
        assert [one.due for one in desk.all()] == [resting.resting_until] * 2
        assert resting.paused_until(desk.now()) == resting.resting_until
        assert resting.paused_until(desk.now() + HOUR) is None


def test_a_restart_keeps_the_rest_of_a_channel(desk: Desk, tmp_path: Path) -> None:
    with receiver() as there:
        resting = rest(desk, there)
        desk.close()
        again = Desk(tmp_path)
        try:
            assert again.channels.get(resting.channel_id) == resting
            again.subscribe(again.channel(url=there.url))
            again.start()
            again.tell()
            again.wait(lambda: again.all(DeliveryStatus.SENT))
            assert len(there.received) == 2
            assert len(again.all(DeliveryStatus.PENDING)) == 3
            again.ahead = HOUR
            again.wait(lambda: len(again.all(DeliveryStatus.SENT)) == 4)
        finally:
            again.close()


def test_a_test_send_ends_the_rest_unless_the_receiver_asks_for_another(desk: Desk) -> None:
    with receiver() as there:
        resting = rest(desk, there)
        assert desk.dispatcher
        there.behave = answering(503, Retry_After="7200")
        desk.dispatcher.send(resting, sample(resting, desk.now()))
        longer = desk.channels.get(resting.channel_id).resting_until
        assert longer
        assert HOUR < longer - desk.now() <= 2 * HOUR
        there.behave = answering(204)
        desk.dispatcher.send(resting, sample(resting, desk.now()))
        assert desk.channels.get(resting.channel_id).resting_until is None
        desk.ahead = FIRST_RETRY
        desk.wait(lambda: len(desk.all(DeliveryStatus.SENT)) == 2)


def test_a_replaced_channel_does_not_rest(desk: Desk) -> None:
    with receiver() as there:
        resting = rest(desk, there)
        desk.channels.replace(resting.channel_id, resting.spec, desk.now())
        desk.ahead = FIRST_RETRY
        desk.wait(lambda: len(desk.all(DeliveryStatus.SENT)) == 2)


def test_what_is_pending_in_a_disabled_channel_has_no_next_attempt(desk: Desk) -> None:
    channel = desk.channel(url="http://127.0.0.1:9/")
    desk.subscribe(channel)
    desk.tell()
    assert desk.only().due
    desk.channels.disable(channel.channel_id, "by hand", desk.now())
    assert desk.only().due is None


def test_a_redirect_is_not_followed(desk: Desk) -> None:
    with receiver() as elsewhere, receiver(answering(307, Location=elsewhere.url)) as there:
        desk.subscribe(desk.channel(url=there.url))
        desk.start()
        desk.tell()
        desk.wait(lambda: desk.only().tries == 1)
        assert "redirects are not followed" in (desk.only().attempts[0].result.error or "")
        assert elsewhere.received == []


def test_a_body_that_never_ends_is_cut_and_the_status_counts(desk: Desk) -> None:
    buffers = 8 * 1024 * 1024
    with receiver(never_ending(200)) as good, receiver(never_ending(500)) as bad:
        for there in (good, bad):
            desk.subscribe(desk.channel(url=there.url))
        desk.start()
        desk.tell()
        desk.wait(lambda: all(one.tries == 1 for one in desk.all()))
        statuses = {one.status: one.attempts[0].result.http_status for one in desk.all()}
        assert statuses == {DeliveryStatus.SENT: 200, DeliveryStatus.PENDING: 500}
        assert good.sent < MAX_RESPONSE + buffers
        assert bad.sent < MAX_RESPONSE + buffers


def test_what_failed_can_be_tried_once_more(desk: Desk) -> None:
    with receiver(answering(500)) as there:
        desk.subscribe(desk.channel(url=there.url))
        desk.start(delays=[])
        desk.tell()
        desk.wait(lambda: len(desk.recorded) == 1)
        there.behave = answering(204)
        desk.deliveries.retry(desk.only().delivery_id, desk.now())
        desk.wait(lambda: len(desk.recorded) == 2)
    assert desk.only().status is DeliveryStatus.SENT
    assert [end["action"] for end in desk.recorded] == ["notify-err", "notified"]
    assert len({end["interactionId"] for end in desk.recorded}) == 2
