"""A template that takes too much delays nobody else, and is set aside after three times."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.desk import Desk
from support.receivers import receiver
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.subscription import Subscription, read_subscription
from tocsin.notifications.templates.rendering import MAX_EXCESSES

LOOP = "{% for a in range(9**4) %}{% for b in range(interaction.n) %}{% endfor %}{% endfor %}!"
SLOW = {"title": LOOP}
LARGE = {"title": "{{ 'a' * interaction.n }}!"}
SLOW_PAYLOAD, LARGE_PAYLOAD, SMALL_PAYLOAD = b'{"n":99999}', b'{"n":10000000000}', b'{"n":0}'


def subscribed(desk: Desk, channel: Channel, template: dict[str, str] | None) -> Subscription:
    desk.subscribe(channel, template)
    return desk.subscriptions.all()[-1]


def replaced(desk: Desk, one: Subscription, template: dict[str, str]) -> Subscription:
    body = {
        "channelId": str(one.channel_id),
        "resourceType": "CUSTOMER",
        "action": "LEFT",
        "template": template,
    }
    draft = read_subscription(body, desk.catalog)
    return desk.subscriptions.replace(one.subscription_id, draft, desk.now())


def test_a_message_without_a_template_overtakes_those_whose_template_is_slow(desk: Desk) -> None:
    with receiver() as slow, receiver() as plain:
        subscribed(desk, desk.channel(url=slow.url), SLOW)
        desk.tell(5, SLOW_PAYLOAD)
        channel = desk.channel(url=plain.url)
        subscribed(desk, channel, None)
        desk.tell(20, SLOW_PAYLOAD)
        desk.start()
        desk.wait(lambda: len(plain.received) == 20 and len(slow.received) == 25)
        assert max(one.at for one in plain.received) < min(one.at for one in slow.received)


def test_a_template_that_takes_too_much_three_times_is_set_aside_until_it_is_replaced(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver() as there:
        one = subscribed(desk, desk.channel(url=there.url), LARGE)
        desk.start()
        desk.tell(MAX_EXCESSES, LARGE_PAYLOAD)
        desk.wait(lambda: len(there.received) == MAX_EXCESSES)
        assert "memory" in str(desk.subscriptions.get(one.subscription_id).template_problem)
        desk.tell(4, SMALL_PAYLOAD)
        desk.wait(lambda: len(there.received) == MAX_EXCESSES + 4)
        titles = {received.json["title"] for received in there.received}
        assert all(title.startswith("CUSTOMER ") for title in titles)
        assert "set aside" in there.received[-1].json["body"]
        assert capsys.readouterr().out.count("template set aside") == 1
        replaced(desk, one, {"title": "as {{ interaction.n }}"})
        assert desk.subscriptions.get(one.subscription_id).template_problem is None
        desk.tell(1, SMALL_PAYLOAD)
        desk.wait(lambda: len(there.received) == MAX_EXCESSES + 5)
        assert there.received[-1].json["title"] == "as 0"


def test_a_template_that_takes_too_much_now_and_then_is_kept(desk: Desk) -> None:
    with receiver() as there:
        one = subscribed(desk, desk.channel(url=there.url), LARGE)
        desk.start()
        for payload in [LARGE_PAYLOAD] * (MAX_EXCESSES - 1) + [SMALL_PAYLOAD] + [LARGE_PAYLOAD]:
            before = len(there.received)
            desk.tell(1, payload)

            def has_arrived(before: int = before) -> bool:
                return len(there.received) > before

            desk.wait(has_arrived)
        assert desk.subscriptions.get(one.subscription_id).template_problem is None
        assert there.received[-2].json["title"] == "!"


def test_deliveries_with_a_former_template_do_not_set_the_new_one_aside(desk: Desk) -> None:
    with receiver() as there:
        one = subscribed(desk, desk.channel(url=there.url), LARGE)
        desk.tell(MAX_EXCESSES + 2, LARGE_PAYLOAD)
        replaced(desk, one, {"title": "new"})
        desk.start()
        desk.wait(lambda: len(there.received) == MAX_EXCESSES + 2)
        bodies = [received.json["body"] for received in there.received]
        assert sum("was set aside" in body for body in bodies) == 2
        assert desk.subscriptions.get(one.subscription_id).template_problem is None


def test_a_restart_keeps_a_template_set_aside(tmp_path: Path) -> None:
    with receiver() as there:
        first = Desk(tmp_path)
        one = subscribed(first, first.channel(url=there.url), LARGE)
        first.start()
        first.tell(MAX_EXCESSES, LARGE_PAYLOAD)
        first.wait(lambda: len(first.all(DeliveryStatus.SENT)) == MAX_EXCESSES)
        first.close()
        second = Desk(tmp_path)
        second.start()
        second.tell(1, SMALL_PAYLOAD)
        second.wait(lambda: len(there.received) == MAX_EXCESSES + 1)
        assert second.subscriptions.get(one.subscription_id).template_problem
        assert "set aside" in there.received[-1].json["body"]
        second.close()
