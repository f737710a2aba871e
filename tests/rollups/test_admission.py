"""The cache serves metrics that it answers faster than a query does."""

from __future__ import annotations

from tocsin.metrics.rollups.admission import (
    REJECTED_CALCULATIONS,
    REJECTED_QUERIES,
    SLOW_QUERIES,
    SLOWER_RESULTS,
    MetricAdmission,
    RollupAdmission,
)

SLOW, FAST = 0.4, 0.001


def observe_queries(admission: MetricAdmission, times: int, seconds: float = SLOW) -> None:
    for _ in range(times):
        admission.observe_query("metric", seconds)


def rejections(admission: MetricAdmission, *seconds: float) -> list[bool]:
    """After each result from the cache, whether the metric was rejected."""
    rejected = []
    for duration in seconds:
        admission.observe_cached("metric", duration)
        rejected.append(admission.is_slower_cached("metric"))
        if rejected[-1]:
            admission.reject("metric")
    return rejected


def test_a_metric_is_cached_after_two_slow_queries() -> None:
    admission = MetricAdmission()
    observe_queries(admission, 10, FAST)
    observe_queries(admission, SLOW_QUERIES - 1)
    assert not admission.should_cache("metric")
    observe_queries(admission, 1)
    assert admission.should_cache("metric")
    assert not admission.should_cache("another metric")


def test_a_metric_that_is_faster_cached_stays_whatever_building_its_rollup_took() -> None:
    admission = MetricAdmission()
    observe_queries(admission, SLOW_QUERIES)
    assert rejections(admission, 10 * SLOW, *[SLOW / 2] * 100) == [False] * 101
    assert admission.should_cache("metric")


def test_a_metric_is_rejected_after_several_consecutive_slower_results() -> None:
    admission = MetricAdmission()
    observe_queries(admission, SLOW_QUERIES)
    slower = [SLOW * 2] * (SLOWER_RESULTS - 1)
    assert rejections(admission, SLOW, *slower) == [False] * SLOWER_RESULTS
    assert rejections(admission, SLOW / 2, *slower) == [False] * SLOWER_RESULTS
    assert rejections(admission, SLOW * 2) == [True]


def test_a_rejected_metric_is_queried_for_a_while_and_then_cached_again() -> None:
    admission = MetricAdmission()
    observe_queries(admission, SLOW_QUERIES)
    rejections(admission, *[SLOW * 2] * (SLOWER_RESULTS + 1))
    observe_queries(admission, REJECTED_QUERIES - 1)
    assert not admission.should_cache("metric")
    observe_queries(admission, 1)
    assert admission.should_cache("metric")
    assert rejections(admission, *[SLOW * 2] * SLOWER_RESULTS) == [False] * SLOWER_RESULTS


def test_whether_a_rollup_was_requested_does_not_change_by_asking() -> None:
    admission = RollupAdmission()
    assert [admission.was_requested("rollup") for _ in range(2)] == [False, False]
    admission.observe_requests(["rollup"])
    assert [admission.was_requested("rollup") for _ in range(2)] == [True, True]
    assert not admission.was_requested("another rollup")


def test_a_rollup_that_exceeded_a_limit_is_rejected_for_a_number_of_calculations() -> None:
    admission = RollupAdmission()
    admission.reject("rollup")
    for _ in range(REJECTED_CALCULATIONS):
        assert admission.is_rejected("rollup")
        assert admission.is_rejected("rollup")
        admission.observe_requests(["rollup", "another rollup"])
    assert not admission.is_rejected("rollup")
    assert not admission.is_rejected("another rollup")
