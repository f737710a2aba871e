"""Discovery reads a sample of many interactions: some time of a few months."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tocsin.clickhouse.sql.extent import Extent
from tocsin.metrics.discovery_sample import EXACT_ROWS, MONTHS, SAMPLE_ROWS, Sample, choose
from tocsin.model.metrics.window import Period

EXTENT = Extent(datetime(2018, 9, 5, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC))
HUNDRED = {
    f"{2018 + (8 + n) // 12}{(8 + n) % 12 + 1:02d}": EXACT_ROWS // 10 for n in range(99)
}  # fmt: skip


def chosen(rows: dict[str, int], counted: int = SAMPLE_ROWS) -> Sample | None:
    return choose(rows, EXTENT, lambda _: counted, EXACT_ROWS)


def test_up_to_ten_million_interactions_are_all_read() -> None:
    assert chosen({"202603": EXACT_ROWS}) is None
    assert chosen({}) is None
    sample = chosen({"202603": EXACT_ROWS + 1})
    assert sample
    assert str(sample) == f"{SAMPLE_ROWS}/{EXACT_ROWS + 1}"


def test_the_months_are_spread_over_all_rows_and_the_newest_is_one_of_them() -> None:
    sample = chosen(HUNDRED)
    assert sample
    assert len(sample.periods) == MONTHS
    assert sample.of == sum(HUNDRED.values())
    assert f"{sample.periods[-1].after:%Y%m}" == max(HUNDRED)
    assert sample.periods[0].after.year < 2021
    days = sum((period.upto - period.after).total_seconds() for period in sample.periods) / 86400
    assert days * (EXACT_ROWS / 10 / 30) < 1.1 * SAMPLE_ROWS


def test_a_slice_is_within_the_time_that_has_interactions() -> None:
    sample = chosen({"201809": EXACT_ROWS, "202611": EXACT_ROWS})
    assert sample
    assert all(EXTENT.earliest < period.after < period.upto for period in sample.periods)
    assert all(period.upto <= EXTENT.latest for period in sample.periods)


def test_slices_that_have_few_interactions_are_lengthened_until_all_are_read() -> None:
    counted: list[Sequence[Period]] = []

    def count(periods: Sequence[Period]) -> int:
        counted.append(periods)
        return 7

    assert choose(HUNDRED, EXTENT, count, EXACT_ROWS) is None
    lengths = [periods[0].upto - periods[0].after for periods in counted]
    assert lengths == sorted(lengths)
    assert 1 < len(lengths) < 5
