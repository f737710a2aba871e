"""The data of the differential tests is nasty, and still acceptable."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from random import Random
from typing import Any

import pytest

from support import nasty, oracle
from support.nasty_metrics import OF_FIELD, TYPES
from support.nasty_pools import NEARLY_NUMERIC_TEXTS, NUMERIC_TEXTS

AT = datetime(2026, 3, 20, 14, 30, 0, 123_000, tzinfo=UTC)
COMPARISONS = ("gt", "gte", "lt", "lte")


@pytest.fixture(scope="module")
def data() -> list[dict[str, Any]]:
    return nasty.interactions(Random(1), 400, AT)


@pytest.fixture(scope="module")
def metrics(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rng = Random(2)
    return [nasty.metric(rng, data) for _ in range(1_000)]


def test_the_same_seed_gives_the_same_data(data: list[dict[str, Any]]) -> None:
    assert data == nasty.interactions(Random(1), 400, AT)
    assert nasty.metric(Random(3), data) == nasty.metric(Random(3), data)
    assert nasty.many_keys(Random(4), 5) == nasty.many_keys(Random(4), 5)


def test_every_payload_is_accepted_and_is_json_for_the_standard_library() -> None:
    rng = Random(5)
    for _ in range(3_000):
        text = nasty.payload(rng)
        assert oracle.refuses(text) is None, text
        assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(("name", "text"), nasty.bad_payloads(), ids=lambda text: text[:40])
def test_every_bad_payload_is_json_and_refused(name: str, text: str) -> None:
    assert oracle.refuses(text), name
    assert "not JSON" not in oracle.refuses(text)  # type: ignore[operator]


@pytest.mark.parametrize(("name", "text"), nasty.limit_payloads(), ids=lambda text: text[:40])
def test_every_payload_at_a_limit_is_accepted(name: str, text: str) -> None:
    assert oracle.refuses(text) is None, name


@pytest.mark.parametrize("count", [1, 7, 60, 400])
def test_many_keys_are_more_than_a_json_column_keeps(count: int) -> None:
    texts = nasty.many_keys(Random(6), count)
    assert len(texts) == count
    assert all(oracle.refuses(text) is None for text in texts)
    assert len({key for text in texts for key in oracle.parse(text)}) > 1_024


def test_numeric_texts_are_numbers_and_near_misses_are_not() -> None:
    assert all(oracle.number_of(text) is not None for text in NUMERIC_TEXTS)
    assert all(oracle.number_of(text) is None for text in NEARLY_NUMERIC_TEXTS)


def test_fields_hold_several_types(data: list[dict[str, Any]]) -> None:
    fields = oracle.discover(data)
    assert len(fields) > 150
    assert sum(len(entry["types"]) > 2 for entry in fields.values()) > 10
    assert {r"interaction.a\.b", "interaction.a.b", "interaction.null"} <= set(fields)


def test_interactions_are_on_both_sides_of_every_window_edge(data: list[dict[str, Any]]) -> None:
    instants = {interaction["timestamp"] for interaction in data}
    for window in ("1m", "5m", "1h", "24h", "7d"):
        edge = AT - oracle.duration(window)
        millisecond = timedelta(milliseconds=1)
        assert {edge - millisecond, edge, edge + millisecond} <= instants
    assert {AT, AT + timedelta(milliseconds=1)} <= instants
    assert all(at.microsecond % 1_000 == 0 and 1970 <= at.year < 2300 for at in instants)


def test_every_metric_is_valid(metrics: list[dict[str, Any]]) -> None:
    for metric in metrics:
        assert bool(metric.get("field")) == (metric["metricType"] in OF_FIELD)
        assert metric["metricType"] != "RATE" or metric["timeWindow"]
        groups = metric.get("groupBy") or []
        filters = metric.get("filters") or []
        assert len({oracle.dimension_key(field) for field in groups}) == len(groups)
        leaves = list(chain.from_iterable(map(oracle.leaves, filters)))
        used = [*groups, *(leaf["field"] for leaf in leaves), metric.get("field") or "userId"]
        assert all(field in oracle.OWN_COLUMNS or oracle.keys_of(field) for field in used)
        assert all(map(_is_valid, leaves))
        assert ("numerator" in metric) == (metric["metricType"] == "RATIO")
        for side in ("numerator", "denominator"):
            filters = metric.get(side, {}).get("filters") or []
            assert all(map(_is_valid, chain.from_iterable(map(oracle.leaves, filters))))
        json.dumps(metric, allow_nan=False).encode()


def _is_valid(filter_: dict[str, Any]) -> bool:
    operator, value = filter_["operator"], filter_.get("value")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if operator in ("exists", "not_exists"):
        return "value" not in filter_
    if operator in ("in", "not_in"):
        return isinstance(value, list) and 1 <= len(value) <= 1_000
    if operator in ("starts_with", "ends_with", "matches"):
        return isinstance(value, str)
    if operator == "contains" or operator in COMPARISONS:
        return number or isinstance(value, str)
    return value is None or isinstance(value, (str, int, float))


def test_metrics_use_every_feature_and_mostly_match_the_data(
    data: list[dict[str, Any]], metrics: list[dict[str, Any]]
) -> None:
    assert {metric["metricType"] for metric in metrics} == set(TYPES)
    filters = [filter for metric in metrics for filter in metric.get("filters") or []]
    nodes = {name for filter in filters for name in ("any", "all", "not") if name in filter}
    assert nodes == {"any", "all", "not"}
    leaves = chain.from_iterable(map(oracle.leaves, filters))
    assert {leaf["operator"] for leaf in leaves} == set(oracle.OPERATORS)
    have_values = Counter(bool(_values(metric, data)) for metric in metrics)
    assert have_values[True] > 600


def _values(metric: dict[str, Any], data: list[dict[str, Any]]) -> list[Any]:
    rows = oracle.calculate(metric, data, AT)["results"]
    return [row["value"] for row in rows if row["value"]]


def test_the_oracle_agrees_with_itself_for_every_metric(
    data: list[dict[str, Any]], metrics: list[dict[str, Any]]
) -> None:
    rng = Random(8)
    for metric in metrics[:150]:
        answer = oracle.calculate(metric, data, AT, limit=5)
        assert oracle.disagreement(metric, data, AT, answer, limit=5) is None
        span = nasty.series_arguments(rng, AT)
        assert oracle.duration(nasty.step_text(span[2])) == span[2]
        assert 1 <= len(oracle.instants(*span)) <= 25
        lines = oracle.series(metric, data, *span)
        assert oracle.series_disagreement(metric, data, *span, lines) is None


def test_the_last_point_of_a_series_is_the_calculated_value(
    data: list[dict[str, Any]], metrics: list[dict[str, Any]]
) -> None:
    for metric in metrics[150:400]:
        if not metric.get("timeWindow"):
            continue
        step = timedelta(hours=1)
        lines = oracle.series(metric, data, AT - step, AT, step)["series"]
        rows = oracle.calculate(metric, data, AT)["results"][:100]
        points = [(line["dimensions"], line["points"][0]["value"]) for line in lines]
        assert points == [(row["dimensions"], row["value"]) for row in rows]
