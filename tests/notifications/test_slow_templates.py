"""A template that exceeds its limits delays no other message; the third time, it is set aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.delivery_harness import DeliveryHarness
from support.receivers import receiver
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.subscription import Subscription, read_subscription
from tocsin.notifications.templates.rendering import MAX_EXCESSES

LOOP = "{% for a in range(9**4) %}{% for b in range(interaction.n) %}{% endfor %}{% endfor %}!"
SLOW = {"title": LOOP}
LARGE = {"title": "{{ 'a' * interaction.n }}!"}
SLOW_PAYLOAD, LARGE_PAYLOAD, SMALL_PAYLOAD = b'{"n":99999}', b'{"n":10000000000}', b'{"n":0}'


def subscribed(
    harness: DeliveryHarness, channel: Channel, template: dict[str, str] | None
) -> Subscription:
    harness.subscribe(channel, template)
    return harness.subscriptions.all()[-1]


def replaced(
    harness: DeliveryHarness, subscription: Subscription, template: dict[str, str]
) -> Subscription:
    body = {
        "channelId": str(subscription.channel_id),
        "resourceType": "CUSTOMER",
        "action": "LEFT",
        "template": template,
    }
    draft = read_subscription(body, harness.catalog)
    return harness.subscriptions.replace(subscription.subscription_id, draft, harness.now())


def test_a_message_without_a_template_overtakes_messages_with_a_slow_template(
    harness: DeliveryHarness,
) -> None:
    with receiver() as slow, receiver() as plain:
        subscribed(harness, harness.channel(url=slow.url), SLOW)
        harness.enqueue(5, SLOW_PAYLOAD)
        channel = harness.channel(url=plain.url)
        subscribed(harness, channel, None)
        harness.enqueue(20, SLOW_PAYLOAD)
        harness.start()
        harness.wait(lambda: len(plain.received) == 20 and len(slow.received) == 25)
        assert max(message.at for message in plain.received) < min(
            message.at for message in slow.received
        )


def test_a_template_that_exceeds_its_limits_three_times_is_set_aside_until_it_is_replaced(
    harness: DeliveryHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver() as endpoint:
        subscription = subscribed(harness, harness.channel(url=endpoint.url), LARGE)
        harness.start()
        harness.enqueue(MAX_EXCESSES, LARGE_PAYLOAD)
        harness.wait(lambda: len(endpoint.received) == MAX_EXCESSES)
        assert "memory" in str(
            harness.subscriptions.get(subscription.subscription_id).template_problem
        )
        harness.enqueue(4, SMALL_PAYLOAD)
        harness.wait(lambda: len(endpoint.received) == MAX_EXCESSES + 4)
        titles = {received.json["title"] for received in endpoint.received}
        assert all(title.startswith("CUSTOMER ") for title in titles)
        assert "set aside" in endpoint.received[-1].json["body"]
        assert capsys.readouterr().out.count("template set aside") == 1
        replaced(harness, subscription, {"title": "as {{ interaction.n }}"})
        assert harness.subscriptions.get(subscription.subscription_id).template_problem is None
        harness.enqueue(1, SMALL_PAYLOAD)
        harness.wait(lambda: len(endpoint.received) == MAX_EXCESSES + 5)
        assert endpoint.received[-1].json["title"] == "as 0"


def test_a_template_that_exceeds_its_limits_now_and_then_is_kept(harness: DeliveryHarness) -> None:
    with receiver() as endpoint:
        subscription = subscribed(harness, harness.channel(url=endpoint.url), LARGE)
        harness.start()
        for payload in [LARGE_PAYLOAD] * (MAX_EXCESSES - 1) + [SMALL_PAYLOAD] + [LARGE_PAYLOAD]:
            before = len(endpoint.received)
            harness.enqueue(1, payload)

            def has_arrived(before: int = before) -> bool:
                return len(endpoint.received) > before

            harness.wait(has_arrived)
        assert harness.subscriptions.get(subscription.subscription_id).template_problem is None
        assert endpoint.received[-2].json["title"] == "!"


def test_deliveries_with_a_former_template_do_not_set_the_new_one_aside(
    harness: DeliveryHarness,
) -> None:
    with receiver() as endpoint:
        subscription = subscribed(harness, harness.channel(url=endpoint.url), LARGE)
        harness.enqueue(MAX_EXCESSES + 2, LARGE_PAYLOAD)
        replaced(harness, subscription, {"title": "new"})
        harness.start()
        harness.wait(lambda: len(endpoint.received) == MAX_EXCESSES + 2)
        bodies = [received.json["body"] for received in endpoint.received]
        assert sum("was set aside" in body for body in bodies) == 2
        assert harness.subscriptions.get(subscription.subscription_id).template_problem is None


def test_a_restart_keeps_a_template_set_aside(tmp_path: Path) -> None:
    with receiver() as endpoint:
        first = DeliveryHarness(tmp_path)
        subscription = subscribed(first, first.channel(url=endpoint.url), LARGE)
        first.start()
        first.enqueue(MAX_EXCESSES, LARGE_PAYLOAD)
        first.wait(lambda: len(first.all(DeliveryStatus.SENT)) == MAX_EXCESSES)
        first.close()
        second = DeliveryHarness(tmp_path)
        second.start()
        second.enqueue(1, SMALL_PAYLOAD)
        second.wait(lambda: len(endpoint.received) == MAX_EXCESSES + 1)
        assert second.subscriptions.get(subscription.subscription_id).template_problem
        assert "set aside" in endpoint.received[-1].json["body"]
        second.close()
