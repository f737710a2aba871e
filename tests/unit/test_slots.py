"""At which instants an alert is evaluated, and which of them were missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.alert_builder import AT, alert
from tocsin.model.alerts.slots import is_due, missed_between, next_slot, slot_at
from tocsin.model.duration import Duration

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("interval", "id", "slot"),
    [
        ("10s", 0, "14:30:00"),
        ("10s", 1, "14:30:05"),
        ("10s", 2, "14:30:00"),
        ("1m", 0, "14:30:00"),
        ("1m", 1, "14:30:05"),
        ("1m", 11, "14:29:55"),
        ("1h", 719, "13:59:55"),
        ("24h", 0, "00:00:00"),
    ],
)
def test_slots_are_multiples_of_the_interval_shifted_by_the_id(
    interval: str, id: int, slot: str
) -> None:
    computed = slot_at(alert(interval, id), AT)
    assert f"{computed:%H:%M:%S}" == slot
    assert next_slot(alert(interval, id), AT) - computed == Duration.parse(interval).length


def test_every_instant_between_two_slots_belongs_to_the_first() -> None:
    for id in range(20):
        checked = alert("10s", id)
        slot = slot_at(checked, AT)
        assert slot_at(checked, slot) == slot
        assert slot_at(checked, slot + 10 * SECOND - timedelta(milliseconds=1)) == slot
        assert slot_at(checked, slot + 10 * SECOND) == slot + 10 * SECOND


def test_a_thousand_alerts_of_one_interval_share_few_slots() -> None:
    assert len({slot_at(alert("10s", id), AT) for id in range(1_000)}) == 2
    assert len({slot_at(alert("1m", id), AT) for id in range(1_000)}) == 12


def test_a_slot_is_due_until_it_is_taken() -> None:
    checked = alert("1m")
    slot = slot_at(checked, AT)
    assert is_due(checked, slot - timedelta(minutes=1), AT)
    assert not is_due(checked, slot, AT)


def test_missed_slots_are_those_between_two_that_were_taken() -> None:
    checked = alert("1m")
    slot = slot_at(checked, AT)
    for minutes, missed in [(1, 0), (2, 1), (60, 59), (0, 0), (-5, 0)]:
        assert missed_between(checked, slot - timedelta(minutes=minutes), slot) == missed


def test_a_clock_that_is_set_back_repeats_no_slot_unless_by_more_than_an_interval() -> None:
    checked = alert("1m")
    taken = slot_at(checked, AT)
    assert not is_due(checked, taken, AT - timedelta(seconds=40))
    assert is_due(checked, taken, AT - timedelta(hours=1))
