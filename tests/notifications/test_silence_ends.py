"""When a silence ends, each group that fired during it and still fires is notified, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.databases import open_database, server_only
from support.silenced_world import AT, SilencedWorld, ids_of, silenced_world
from tocsin.model.alerts.draft import read_alert
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.store.restored_deliveries import end_unsent
from tocsin.store.silences import Silences

HOUR = timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SilencedWorld]:
    with silenced_world(tmp_path) as opened:
        opened.subscribe(opened.channel())
        yield opened


def test_groups_that_still_fire_at_the_end_are_notified_then_and_once(world: SilencedWorld) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a", "b", "c", None)
    silenced = world.all(DeliveryStatus.SILENCED)
    world.after(minutes=30)
    world.firing(alert, "a", "c", None, "d")
    world.after(minutes=29)
    assert world.messages() == []
    world.after(minutes=1)
    notified = [("exceeded", name) for name in ("a", "c", None, "d")]
    assert world.messages() == notified
    assert ids_of(silenced) <= ids_of(world.all())
    for _ in range(3):
        world.restart()
        world.after(seconds=1)
    assert world.messages() == notified
    assert world.messages(DeliveryStatus.SILENCED) == [("exceeded", "b"), ("recovered", "b")]


def test_they_stay_in_the_list_of_what_the_silence_held_back(world: SilencedWorld) -> None:
    alert = world.alert()
    silence = world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a")
    world.after(hours=1)
    (listed,) = world.deliveries.page(10, silence_id=silence.silence_id).deliveries
    assert (listed.status, listed.due) == (DeliveryStatus.PENDING, AT + HOUR)


def test_a_group_that_recovered_and_fired_again_is_notified_of_the_second_time(
    world: SilencedWorld,
) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    for names in (["a"], [], ["a"]):
        world.firing(alert, *names)
        world.after(minutes=1)
    second = world.all(DeliveryStatus.SILENCED)[-1]
    world.after(hours=1)
    assert ids_of(world.all(DeliveryStatus.PENDING)) == {second.delivery_id}


def test_a_group_that_fired_before_the_silence_is_not_notified_again(world: SilencedWorld) -> None:
    alert = world.alert()
    world.firing(alert, "a")
    world.silence(alertId=str(alert.alert_id))
    world.after(hours=2)
    assert world.messages() == [("exceeded", "a")]


def test_deleting_a_silence_ends_it(world: SilencedWorld) -> None:
    alert = world.alert()
    silence = world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a")
    world.silences.delete(silence.silence_id, AT)
    world.after(seconds=1)
    assert world.messages() == [("exceeded", "a")]


def test_a_silence_that_is_shortened_ends_then_and_one_that_is_extended_later(
    world: SilencedWorld,
) -> None:
    alert = world.alert()
    id = str(alert.alert_id)
    short, long = world.silence(alertId=id), world.silence(alertId=id, dimensions={"userId": "b"})
    world.firing(alert, "a", "b")
    world.after(minutes=1)
    world.change(long, alertId=id, dimensions={"userId": "b"}, to=(AT + 3 * HOUR).isoformat())
    world.change(short, alertId=id, to=(AT + HOUR / 2).isoformat(), **{"from": AT.isoformat()})
    world.after(minutes=29)
    assert world.messages() == [("exceeded", "a")]
    world.after(hours=2)
    assert world.messages() == [("exceeded", "a")]
    world.after(hours=1)
    assert world.messages() == [("exceeded", "a"), ("exceeded", "b")]


def test_a_silence_that_is_changed_to_match_less_ends_for_the_others(world: SilencedWorld) -> None:
    alert = world.alert()
    id = str(alert.alert_id)
    silence = world.silence(alertId=id)
    world.firing(alert, "a", "b")
    world.after(minutes=1)
    world.change(silence, alertId=id, dimensions={"userId": "b"}, to=(AT + HOUR).isoformat())
    world.run()
    assert world.messages() == [("exceeded", "a")]


def test_under_two_silences_it_is_notified_at_the_end_of_the_last_one(world: SilencedWorld) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    world.after(minutes=30)
    world.firing(alert, "a")
    world.silence(matchAll=True)
    world.after(minutes=30)
    assert world.messages() == []
    world.after(minutes=30)
    assert world.messages() == [("exceeded", "a")]


def test_each_window_of_a_recurring_silence_has_an_end(world: SilencedWorld) -> None:
    alert = world.alert()
    weekdays = ["friday", "saturday"]
    span = {"weekdays": weekdays, "from": "15:00", "to": "16:00", "timezone": "Europe/Berlin"}
    world.silence(severities=["warning"], recurs=span)
    world.firing(alert, "a")
    world.after(minutes=59)
    assert world.messages() == []
    world.after(minutes=1)
    assert world.messages() == [("exceeded", "a")]
    world.firing(alert)
    assert world.messages() == [("exceeded", "a"), ("recovered", "a")]
    world.at = datetime(2026, 3, 21, 14, 30, tzinfo=UTC)
    world.firing(alert, "b")
    world.run()
    assert len(world.messages()) == 2
    world.after(minutes=30)
    assert world.messages()[2:] == [("exceeded", "b")]


def test_an_end_while_no_process_runs_is_noticed_at_the_start(world: SilencedWorld) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a")
    world.run()
    world.at += timedelta(days=40)
    world.deliveries.drop_before(world.at - timedelta(days=30))
    world.restart()
    world.run()
    assert world.messages() == [("exceeded", "a")]
    world.firing(alert)
    world.deliveries.drop_before(world.at + HOUR)
    assert world.messages() == [("exceeded", "a"), ("recovered", "a")]


def test_a_transition_that_is_stored_after_the_end_is_released_too(world: SilencedWorld) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    world.after(hours=1)
    world.at -= timedelta(seconds=2)
    world.firing(alert, "a")
    assert world.messages(DeliveryStatus.SILENCED) == [("exceeded", "a")]
    world.after(seconds=3)
    assert world.messages() == [("exceeded", "a")]


def test_a_node_that_is_not_the_leader_releases_nothing(world: SilencedWorld) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a")
    world.leadership.is_leader = False
    world.after(hours=1)
    assert world.messages() == []
    world.leadership.is_leader = True
    world.run()
    assert world.messages() == [("exceeded", "a")]


@server_only
def test_a_silence_that_another_node_deletes_ends(world: SilencedWorld, tmp_path: Path) -> None:
    alert = world.alert()
    silence = world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a")
    world.run()
    other = open_database(tmp_path / "store.sqlite")
    Silences(other).delete(silence.silence_id, AT)
    other.close()
    world.database.revisions.refresh()
    world.run()
    assert world.messages() == [("exceeded", "a")]


def test_what_was_sent_by_hand_is_not_sent_again(world: SilencedWorld) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a")
    (delivery,) = world.all()
    retried = world.deliveries.retry(delivery.delivery_id, world.at)
    world.after(hours=1)
    (after,) = world.all()
    assert (after.status, after.due) == (DeliveryStatus.PENDING, retried.due)


def test_a_store_restored_from_a_backup_releases_nothing(world: SilencedWorld) -> None:
    alert = world.alert()
    world.silence(alertId=str(alert.alert_id))
    world.firing(alert, "a")
    end_unsent(world.database, "restored")
    world.after(hours=1)
    assert world.messages(DeliveryStatus.SILENCED) == [("exceeded", "a")]


def test_nobody_is_notified_through_what_was_disabled_or_deleted(tmp_path: Path) -> None:
    with silenced_world(tmp_path) as world:
        disabled, deleted, kept = (world.channel() for _ in range(3))
        alert = world.alert()
        world.subscribe(disabled, "fired")
        (unsubscribed,) = world.subscribe(deleted, "fired")
        world.subscribe(kept, "fired")
        world.silence(alertId=str(alert.alert_id))
        world.firing(alert, "a")
        world.channels.disable(disabled.channel_id, "by hand", world.at)
        world.subscriptions.delete(unsubscribed.subscription_id, world.at)
        world.after(hours=1)
        statuses = {each.channel_id: (each.status, each.skip_reason) for each in world.all()}
        assert statuses[deleted.channel_id] == (DeliveryStatus.SILENCED, None)
        assert statuses[kept.channel_id] == (DeliveryStatus.PENDING, None)
        assert statuses[disabled.channel_id][0] == DeliveryStatus.SKIPPED
        assert "by hand" in (statuses[disabled.channel_id][1] or "")


def test_an_alert_that_was_disabled_or_deleted_no_longer_fires(world: SilencedWorld) -> None:
    gone, stopped = world.alert(), world.alert()
    world.silence(matchAll=True)
    world.firing(gone, "a")
    world.firing(stopped, "b")
    world.alerts.delete(gone.alert_id, world.metric, world.at)
    body = {**_definition(world), "enabled": False}
    draft = read_alert(body, world.catalog, world.metrics, world.channels)
    world.alerts.replace(stopped.alert_id, draft, world.metric, world.at)
    world.after(hours=1)
    assert world.messages() == []
    assert world.held.holders() == set()


def test_a_release_keeps_within_the_limit_of_the_channel(tmp_path: Path) -> None:
    with silenced_world(tmp_path, limit=-995) as world:
        world.subscribe(world.channel(), "fired")
        alert = world.alert()
        world.firing(alert, *"abcd")
        world.silence(alertId=str(alert.alert_id))
        world.firing(alert, *"abcdefgh")
        world.after(hours=1)
        assert len(world.messages()) == 5
        assert world.dropped.total() == 3
        assert world.held.holders() == set()


def test_former_silenced_deliveries_do_not_displace_those_that_wait(tmp_path: Path) -> None:
    with silenced_world(tmp_path, limit=-995) as world:
        world.subscribe(world.channel())
        alert = world.alert()
        world.silence(alertId=str(alert.alert_id))
        for names in ("abc", "", "de"):
            world.firing(alert, *names)
            world.after(minutes=1)
        assert len(world.messages(DeliveryStatus.SILENCED)) == 7
        world.firing(alert)
        dropped = world.dropped.total()
        for _ in range(2):
            world.after(hours=1)
            world.silence(alertId=str(alert.alert_id))
        world.firing(alert, "f", "g")
        assert world.dropped.total() == dropped == 3
        world.after(hours=1)
        assert world.messages() == [("exceeded", "f"), ("exceeded", "g")]


def _definition(world: SilencedWorld) -> dict[str, object]:
    return {
        "title": "a title",
        "metricId": str(world.metric.metric_id),
        "operator": "gt",
        "threshold": 10,
        "alertAction": "fired",
    }
