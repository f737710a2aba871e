"""The messages of a backtest are those that live transitions would have had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from support.bundle_world import bundle_world
from support.silenced_world import AT, SilencedWorld, silenced_world
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.metrics.draft import read_metric
from tocsin.model.notifications.bundles import GroupTransition
from tocsin.model.notifications.channel import Channel
from tocsin.model.notifications.delivery import ALERT, DeliveryStatus
from tocsin.model.notifications.planned_messages import MessageKind
from tocsin.model.notifications.subscription import Subscription, read_subscription
from tocsin.model.severity import Severity
from tocsin.notifications.expected_messages import MessageForecaster, RecipientMessages
from tocsin.store.new_deliveries import NewDeliveries

USERS = ("a", "b", "c", None)
MINUTE = timedelta(minutes=1)


@dataclass
class History:
    changes: list[StateChange]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SilencedWorld]:
    with silenced_world(tmp_path) as opened:
        yield opened


def subscribe(world: SilencedWorld, channel: Channel, **members: Any) -> Subscription:
    body = {"channelId": str(channel.channel_id), "resourceType": "ALERT", **members}
    draft = read_subscription({"action": "fired", **body}, world.catalog)
    return world.subscriptions.create(draft, world.at)


def of_users(*users: str) -> list[dict[str, Any]]:
    field = "interaction.dimensions.userId"
    return [{"field": field, "operator": "in", "value": list(users)}]


def forecast(
    world: SilencedWorld, alert: Alert, changes: Sequence[StateChange]
) -> list[RecipientMessages]:
    new = NewDeliveries(world.catalog, world.channels, world.subscriptions, world.silences)
    forecaster = MessageForecaster(world.transitions, new, world.silences)
    started = forecaster.forecast(alert, world.metric)
    by_group: dict[str, History] = {}
    for change in changes:
        by_group.setdefault(str(change.dimensions), History([])).changes.append(change)
    assert list(started.watching(by_group.values())) == list(by_group.values())
    assert started.is_complete
    return started.messages(world.at)


def fired(user: str | None, minute: float) -> StateChange:
    at = AT + minute * MINUTE
    return StateChange(Status.FIRING, Reason.THRESHOLD, at, 11, {"userId": user}, at)


def recovered(user: str | None, minute: float, since: float) -> StateChange:
    at, fired_at = AT + minute * MINUTE, AT + since * MINUTE
    return StateChange(Status.OK, Reason.RECOVERED, at, 1, {"userId": user}, fired_at)


def minutes(messages: RecipientMessages) -> list[float]:
    return [(each.at - AT) / MINUTE for each in messages.sent]


@pytest.mark.parametrize("seed", range(4))
def test_the_messages_are_those_of_live_transitions(world: SilencedWorld, seed: int) -> None:
    rng = Random(seed)
    first, second = world.channel(), world.channel()
    subscribe(world, first, filters=of_users("a", "b"))
    subscribe(world, second, action="recovered")
    subscribe(world, second, enabled=False)
    labels = {"team": "payments"}
    ids = [str(each.channel_id) for each in (first, second)]
    alert = world.alert(labels=labels, channelIds=ids, severity="critical")
    for _ in range(6):
        start = AT + rng.randint(0, 40) * MINUTE
        members = rng.choice(
            (
                {"alertId": str(alert.alert_id)},
                {"labels": labels, "dimensions": {"userId": rng.choice(USERS)}},
                {"labels": labels, "severities": ["critical"]},
                {"labels": labels, "severities": ["info"]},
            )
        )
        # Not on a minute, at which both the silence and the group may end.
        end = start + rng.randint(1, 12) * MINUTE + timedelta(seconds=30)
        world.silence(**members, **{"from": start.isoformat(), "to": end.isoformat()})
    firing: set[str | None] = set()
    for _ in range(50):
        for _ in range(2):
            world.after(seconds=30)
        firing ^= {user for user in USERS if rng.random() < 0.25}
        world.firing(alert, *firing)
    stored = world.transitions.page(1_000)[::-1]
    assert len(stored) > 20
    live = {
        status: Counter((each.channel_id, each.subscription_id) for each in world.all(status))
        for status in (DeliveryStatus.PENDING, DeliveryStatus.SILENCED)
    }
    messages = forecast(world, alert, [each.change for each in stored])
    ids_of = [(each.recipient.id[0], each.recipient.id[1] or ALERT) for each in messages]
    sent = Counter({id: len(each.sent) for id, each in zip(ids_of, messages, strict=True)})
    silenced = Counter({id: each.silenced for id, each in zip(ids_of, messages, strict=True)})
    assert +sent == live[DeliveryStatus.PENDING]
    assert +silenced == live[DeliveryStatus.SILENCED]


def test_a_grouped_subscription_sends_bundles_and_reminders(world: SilencedWorld) -> None:
    grouped = {"groupBy": "alert", "groupWait": "2m", "repeatEvery": "1h"}
    subscribe(world, world.channel(), filters=of_users("a", "b"), **grouped)
    alert = world.alert()
    world.at = AT + 100 * MINUTE
    changes = [fired("a", 1), fired("c", 1), fired("b", 2), recovered("b", 70, since=2)]
    (messages,) = forecast(world, alert, changes)
    assert minutes(messages) == [3, 63, 72]
    kinds = [each.kind for each in messages.messages]
    assert kinds == [MessageKind.BUNDLE, MessageKind.REMINDER, MessageKind.BUNDLE]
    assert messages.count(MessageKind.BUNDLE) == 2


def test_a_recovery_in_a_bundle_is_not_sent_by_the_alert_too(world: SilencedWorld) -> None:
    """The subscription is to `fired` only, and takes the recovery that follows."""
    channel = world.channel()
    subscribe(world, channel, filters=of_users("a"), groupBy="alert", groupWait="2m")
    alert = world.alert(channelIds=[str(channel.channel_id)])
    world.at = AT + 100 * MINUTE
    changes = [fired("a", 1), fired("c", 1), recovered("a", 10, 1), recovered("c", 10, 1)]
    by_subscription, by_alert = forecast(world, alert, changes)
    assert minutes(by_subscription) == [3, 12]
    assert minutes(by_alert) == [1, 10]


def test_a_bundle_is_silenced_if_all_of_its_groups_are(world: SilencedWorld) -> None:
    subscribe(world, world.channel(), groupBy="alert", groupWait="1m")
    alert = world.alert()
    until = (AT + 10 * MINUTE).isoformat()
    world.silence(alertId=str(alert.alert_id), dimensions={"userId": "a"}, to=until)
    world.at = AT + 100 * MINUTE
    (messages,) = forecast(world, alert, [fired("a", 1), fired("a", 4), fired("b", 4)])
    assert minutes(messages) == [5]
    assert messages.silenced == 1


def test_a_message_that_a_silence_held_is_sent_at_its_end(world: SilencedWorld) -> None:
    channel = world.channel()
    alert = world.alert(channelIds=[str(channel.channel_id)])
    silence = {"alertId": str(alert.alert_id), "to": (AT + 10 * MINUTE).isoformat()}
    world.silence(**silence)
    world.at = AT + 20 * MINUTE
    changes = [fired("a", 1), fired("b", 2), recovered("b", 3, since=2), fired("c", 15)]
    (messages,) = forecast(world, alert, changes)
    assert minutes(messages) == [10, 15]
    assert messages.silenced == 2


def test_a_severity_that_is_sent_immediately_is_sent_at_the_end_of_a_silence_too(
    world: SilencedWorld,
) -> None:
    subscribe(world, world.channel(), groupBy="alert", immediately=["critical"])
    alert = world.alert(severity="critical")
    world.silence(alertId=str(alert.alert_id), to=(AT + 10 * MINUTE).isoformat())
    world.at = AT + 20 * MINUTE
    changes = [fired("a", 1), fired("b", 2), recovered("b", 3, since=2), fired("c", 15)]
    (messages,) = forecast(world, alert, changes)
    assert minutes(messages) == [10, 15]
    assert messages.silenced == 2
    assert all(each.interaction for each in messages.messages)


def test_a_silence_lets_the_recovery_of_an_incident_pass(world: SilencedWorld) -> None:
    pager = world.channel("pagerduty", routingKey="k" * 32)
    alert = world.alert(channelIds=[str(pager.channel_id)])
    world.silence(alertId=str(alert.alert_id), to=(AT + 10 * MINUTE).isoformat())
    world.at = AT + 20 * MINUTE
    (messages,) = forecast(world, alert, [fired("a", 1), recovered("a", 2, since=1)])
    assert minutes(messages) == [2]
    assert messages.silenced == 1


def test_an_alert_without_recipients_has_no_messages(world: SilencedWorld) -> None:
    subscribe(world, world.channel(), filters=of_users("z"))
    assert forecast(world, world.alert(), [fired("a", 1)]) == []
    assert forecast(world, world.alert(recoveryAction=None), [recovered("a", 2, since=1)]) == []


@pytest.mark.parametrize("seed", range(2))
def test_the_messages_of_grouped_subscriptions_are_those_of_live_bundles(
    tmp_path: Path, seed: int
) -> None:
    rng = Random(seed)
    with bundle_world(tmp_path) as world:
        grouped = {"name": "grouped", "metricType": "COUNT", "groupBy": ["userId"]}
        world.metric = world.metrics.create(*read_metric(grouped, world.catalog), world.at)
        severity = rng.choice([Severity.WARNING, Severity.CRITICAL])
        world.alert_channels = (world.channel.channel_id,)
        world.subscribe(
            filters=of_users("a", "b"),
            **{"groupBy": "alert", "groupWait": "150s", "repeatEvery": "1h"},
            immediately=rng.choice([[], ["critical"]]),
        )
        start, firing = world.at, set[str]()
        for minute in range(1, 300):
            at = start + minute * MINUTE
            # Between minutes, when the bundles close.
            world.run(at - MINUTE / 2)
            world.run(at)
            for user in ("a", "b", "c", "d"):
                if rng.random() < 0.03:
                    firing ^= {user}
                    is_firing = user in firing
                    world.happen(
                        [GroupTransition(at, UUID(int=7), severity, is_firing, {"userId": user})]
                    )
        stored = world.transitions.page(1_000)[::-1]
        live = Counter(
            (each.subscription_id, each.interaction["interaction"].get("kind", "single"))
            for each in world.all()
        )
        new = NewDeliveries(world.catalog, world.channels, world.subscriptions, world.silences)
        forecaster = MessageForecaster(world.transitions, new, world.silences)
        started = forecaster.forecast(stored[0].alert, world.metric)
        list(started.watching([History([each.change for each in stored])]))
        expected = Counter(
            (messages.recipient.id[1] or ALERT, each.kind.value)
            for messages in started.messages(world.at)
            for each in messages.sent
        )
        assert len(stored) > 20
        assert expected == live
