"""Interactions of many months are appended a bounded number of months at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from support.builders import an_interaction
from support.clocks import FixedClock
from tocsin.clickhouse.months import RecordedMonths, months_of
from tocsin.ingestion.month_limit import AppendedMonths, MonthLimit, split_by_months
from tocsin.model.ceilings import APPENDED_MONTHS
from tocsin.model.instant import to_milliseconds
from tocsin.model.interactions.interaction import Interaction


def at(year: int, month: int, day: int = 15) -> Interaction:
    timestamp = to_milliseconds(datetime(year, month, day, tzinfo=UTC))
    return an_interaction(timestamp=timestamp)


def test_no_portion_has_more_months_than_an_append_may_have() -> None:
    interactions = [at(year, month) for year in range(1970, 2300) for month in range(1, 13)]
    Random(1).shuffle(interactions)
    divided = split_by_months(interactions)
    assert sorted(index for portion in divided for index in portion) == list(range(3_960))
    assert len(divided) == 165
    for portion in divided:
        assert portion == sorted(portion)
        months = set(months_of([interactions[index].timestamp for index in portion]))
        assert len(months) == APPENDED_MONTHS


def test_a_few_months_far_apart_are_one_portion() -> None:
    assert split_by_months([at(1970, 1), at(2026, 3), at(2299, 12)]) == [[0, 1, 2]]
    assert split_by_months([at(2026, 3, 1), at(2026, 3, 31)]) == [[0, 1]]


def test_past_the_ceiling_new_months_are_rejected_unless_they_are_recent() -> None:
    known = RecordedMonths()
    limit = MonthLimit(known, 2, FixedClock(datetime(2026, 11, 28, tzinfo=UTC)))
    old = [at(2000, month) for month in (1, 2, 3)]
    assert len(limit.admit(old)) == 1
    assert limit.admit([at(2001, 1)])
    assert not limit.admit([at(2026, 11), at(2026, 12, 1), at(2024, 12)])
    assert limit.admit([at(2024, 11)])
    assert len(known) == 5
    known.remove_before(datetime(2020, 1, 1, tzinfo=UTC))
    assert len(known) == 3


def test_live_interactions_share_an_append_with_old_ones_up_to_its_months() -> None:
    months = AppendedMonths()

    def try_add(*interactions: Interaction) -> bool:
        timestamps = [interaction.timestamp for interaction in interactions]
        return months.try_add(interactions, min(timestamps), max(timestamps))

    for _ in range(100):
        assert try_add(at(2026, 11))
        assert try_add(at(1970, 1), at(2017, 3))
    old = [at(1980 + month // 12, month % 12 + 1) for month in range(APPENDED_MONTHS)]
    assert all(map(try_add, old[:-3]))
    assert not try_add(*old[-3:])
    assert not try_add(old[-3])
    assert try_add(at(2026, 11), old[0])
