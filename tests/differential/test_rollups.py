"""Is what was counted once, and kept, still what the oracle says?

The same metrics are asked together again and again: while their windows slide, after late and
early interactions have come, after everything was merged, and when some of them cannot be kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from support import nasty
from support.worlds import AT, World, check_all_together, check_metrics, merge, open_world, record
from tocsin.metrics.rollups import admission, cache, rollup, row_reader

COUNT = 40
WAYS: dict[str, dict[str, int]] = {
    "fetched": {},
    "fetched-bit-by-bit": {"AT_ONCE": 100},
    "scanned": {"MOST": 1},
    "both": {"MOST": 300},
}


@pytest.fixture(scope="module", params=list(WAYS.values()), ids=list(WAYS))
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """What is lacking comes as single interactions, or as partial results, or now one, now the
    other."""
    opened = open_world(tmp_path_factory.mktemp("world"), seed=2)
    with pytest.MonkeyPatch.context() as patch:
        for limit, interactions in request.param.items():
            patch.setattr(row_reader, limit, interactions)
        patch.setattr(rollup, "MANY_TEXTS", 2)
        yield opened
    opened.runtime.close()


@pytest.mark.parametrize(
    "later",
    [timedelta(), timedelta(milliseconds=1), timedelta(minutes=3, seconds=7), timedelta(days=40)],
)
def test_windows_slide_exactly_over_what_is_kept(world: World, later: timedelta) -> None:
    check_all_together(world, seed=21, count=COUNT, at=AT + later)


def test_while_somebody_else_is_making_rollups_none_are_made(world: World) -> None:
    found = world.runtime.calculator.rollups
    kept = set(found._rollups)
    with found._making:
        for _ in range(2):
            check_all_together(world, seed=24, count=COUNT)
    assert set(found._rollups) == kept
    check_all_together(world, seed=24, count=COUNT)
    assert set(found._rollups) > kept


def test_late_interactions_are_seen_in_what_is_kept(world: World) -> None:
    random = Random(22)
    for _ in range(3):
        check_all_together(world, seed=21, count=COUNT)
        payloads = [nasty.payload(random) for _ in range(6)]
        record(world, nasty.interactions(random, 6, AT, payloads), random)
    check_all_together(world, seed=21, count=COUNT)


def test_a_metric_that_is_asked_again_and_again_is_what_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "SLOW_SECONDS", 0)
    # Reading so few interactions is always faster.
    monkeypatch.setattr(admission, "SLOWER_RESULTS", 1 << 62)
    for _ in range(3):
        check_metrics(world, seed=23, count=COUNT // 2)


def test_what_cannot_be_kept_is_calculated_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_ROLLUP_BYTES", 200)
    check_all_together(world, seed=21, count=COUNT)
    check_all_together(world, seed=21, count=COUNT)


def test_after_a_merge_what_is_kept_still_holds(world: World) -> None:
    merge(world)
    check_all_together(world, seed=21, count=COUNT, at=AT + timedelta(hours=5))
