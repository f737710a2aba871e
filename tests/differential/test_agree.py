"""Tests the comparison of two answers on hand-made rows.

The rules are "Grouping and order" and "Exactness" in docs/reference/semantics.md.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import oracle


def rows(*pairs: tuple[Any, str]) -> list[dict[str, Any]]:
    return [{"value": number, "dimensions": {"userId": user}} for number, user in pairs]


def test_values_agree_only_to_the_last_digit() -> None:
    assert oracle.agree(rows((1.0, "a")), rows((1, "a"))) is None
    assert oracle.agree(rows((0.3, "a")), rows((0.30000000000000004, "a")))


@pytest.mark.parametrize(
    "actual",
    [
        rows((2, "a")), rows((1, "b"), (2, "a")), rows((2, "a"), (2, "a")), [],
        rows((2, "a"), (0, "c")), rows((2, "a"), (None, "b")), rows((2, "a"), (True, "b")),
        rows((float("inf"), "a"), (1, "b")),
        [{"value": 2, "dimensions": {"x": "a"}}, {"value": 1, "dimensions": {"x": "b"}}],
    ],
)  # fmt: skip
def test_every_other_difference_is_reported(actual: list[dict[str, Any]]) -> None:
    assert oracle.agree(rows((2, "a"), (1, "b")), rows((2, "a"), (1, "b"))) is None
    assert oracle.agree(rows((2, "a"), (1, "b")), actual)


def test_a_cut_list_agrees_with_the_first_rows_in_their_order() -> None:
    every = rows((1.0, "a"), (1.0, "b"), (0.5, "c"))
    assert oracle.agree(every, rows((1.0, "a")), limit=1) is None
    assert oracle.agree(every, rows((1.0, "b")), limit=1)


AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DATA = [
    {"userId": user, "timestamp": AT - HOUR * age, "payload": payload}
    for user, age, payload in [
        ("a", 0, '{"n":0.1}'),
        ("a", 0, '{"n":0.2}'),
        ("b", 1, '{"n":1e300}'),
        ("b", 1, '{"n":-1e300}'),
        ("c", 2, "{}"),
    ]
]


@pytest.mark.parametrize("kind", ["COUNT", "SUM", "AVG", "MAX"])
def test_the_oracle_agrees_with_itself(kind: str) -> None:
    metric = {"metricType": kind, "groupBy": ["userId"], "timeWindow": "1h"}
    if kind != "COUNT":
        metric["field"] = "interaction.n"
    for limit in (1, 2, 100):
        answer = oracle.calculate(metric, DATA, AT, limit)
        assert oracle.disagreement(metric, DATA, AT, answer, limit) is None
    span = (AT - HOUR * 4, AT, HOUR)
    assert (
        oracle.series_disagreement(metric, DATA, *span, oracle.series(metric, DATA, *span)) is None
    )


def test_the_difference_of_a_series_names_its_point() -> None:
    metric = {"metricType": "SUM", "field": "interaction.n", "timeWindow": "1h"}
    span = (AT - HOUR * 2, AT, HOUR)
    answer = oracle.series(metric, DATA, *span)
    points = answer["series"][0]["points"]
    assert points[1]["value"] == 0.3
    points[0]["at"] = "2026-03-20T13:30:00.000Z"
    assert oracle.series_disagreement(metric, DATA, *span, answer) is None
    points[0]["value"] = 1e-290
    assert "13:30" in (oracle.series_disagreement(metric, DATA, *span, answer) or "")


def test_a_missing_truncation_mark_is_a_difference() -> None:
    metric = {"metricType": "COUNT", "groupBy": ["userId"]}
    answer = oracle.calculate(metric, DATA, AT, limit=2)
    del answer["truncated"]
    assert oracle.disagreement(metric, DATA, AT, answer, limit=2)
