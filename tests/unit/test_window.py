"""Windows, and the points that a series has."""

from datetime import timedelta

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.metrics.rates import RateUnit
from tocsin.model.metrics.window import Window
from tocsin.model.time_range import read_span


@pytest.mark.parametrize(
    ("text", "length", "unit"),
    [
        ("1m", timedelta(minutes=1), "per minute"),
        ("90m", timedelta(minutes=90), "per minute"),
        ("24h", timedelta(hours=24), "per hour"),
        ("7d", timedelta(days=7), "per day"),
        ("3650d", timedelta(days=3650), "per day"),
        ("87600h", timedelta(days=3650), "per hour"),
        ("5256000m", timedelta(days=3650), "per minute"),
    ],
)
def test_a_window_has_a_length_and_a_unit_and_is_written_as_it_was(
    text: str, length: timedelta, unit: str
) -> None:
    window = Window.parse(text)
    assert (window.length, RateUnit(window.unit).label, str(window)) == (length, unit, text)


@pytest.mark.parametrize(
    "text",
    ["", "m", "5", "0m", "05m", "-5m", "+5m", "5 m", " 5m", "5m\n", "5M", "5s", "5w", "1.5h", "٥m"],
)
def test_what_is_no_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 5m"):
        Window.parse(text)


@pytest.mark.parametrize("text", ["3651d", "87601h", "5256001m", "999999999d"])
def test_a_window_longer_than_ten_years_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="3650d"):
        Window.parse(text)


def test_a_window_of_absurdly_many_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="not a time window"):
        Window.parse("9" * 5_000 + "m")


def problems(body: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        read_span(body)
    return {problem.field: problem.message for problem in raised.value.problems}


DAY = {"from": "2026-03-20T00:00:00Z", "to": "2026-03-21T00:00:00Z"}


@pytest.mark.parametrize(("step", "points"), [("6h", 4), ("7h", 4), ("1d", 1), ("2d", 1)])
def test_points_stand_at_to_and_before_it_while_later_than_from(step: str, points: int) -> None:
    assert read_span({**DAY, "step": step}).points == points


def test_a_series_of_2000_points_is_taken_and_one_of_2001_is_refused() -> None:
    end = "2026-03-21T09:20:00Z"
    assert read_span({"from": DAY["from"], "to": end, "step": "1m"}).points == 2_000
    later = {"from": DAY["from"], "to": "2026-03-21T09:20:00.001Z", "step": "1m"}
    assert "2,001 points" in problems(later)["step"]


def test_all_problems_of_a_series_are_in_one_error() -> None:
    messages = problems({"from": 3, "to": "tomorrow", "stop": "5m"})
    assert set(messages) == {"from", "to", "step", "stop"}


@pytest.mark.parametrize("start", [DAY["to"], "2026-03-22T00:00:00Z"])
def test_a_series_that_does_not_start_before_its_end_is_refused(start: str) -> None:
    assert problems({**DAY, "from": start, "step": "5m"}) == {"from": "must be earlier than to"}


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_series_that_is_no_object_is_refused(body: object) -> None:
    assert "JSON object" in problems(body)[""]
