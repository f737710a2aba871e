"""Partial results are kept for questions that they answer sooner than reading does."""

from __future__ import annotations

from tocsin.metrics.rollups.admission import READ_INSTEAD, SLOW_TIMES, SLOWER_TIMES, Worth

SLOW, FAST = 0.4, 0.001


def read(worth: Worth, times: int, seconds: float = SLOW) -> None:
    for _ in range(times):
        worth.note_read("question", seconds)


def answered(worth: Worth, *seconds: float) -> list[bool]:
    return [worth.note_answered("question", each) for each in seconds]


def test_what_is_slow_to_read_twice_is_worth_it() -> None:
    worth = Worth()
    read(worth, 10, FAST)
    read(worth, SLOW_TIMES - 1)
    assert not worth.is_worth_it("question")
    read(worth, 1)
    assert worth.is_worth_it("question")
    assert not worth.is_worth_it("another question")


def test_what_answers_sooner_stays_however_long_it_took_to_make() -> None:
    worth = Worth()
    read(worth, SLOW_TIMES)
    assert answered(worth, 10 * SLOW, *[SLOW / 2] * 100) == [False] * 101
    assert worth.is_worth_it("question")


def test_what_answers_later_several_times_in_a_row_is_dropped() -> None:
    worth = Worth()
    read(worth, SLOW_TIMES)
    assert answered(worth, SLOW, *[SLOW * 2] * (SLOWER_TIMES - 1)) == [False] * SLOWER_TIMES
    assert answered(worth, SLOW / 2, *[SLOW * 2] * (SLOWER_TIMES - 1)) == [False] * SLOWER_TIMES
    assert answered(worth, SLOW * 2) == [True]


def test_what_was_dropped_is_read_for_a_while_and_then_tried_again() -> None:
    worth = Worth()
    read(worth, SLOW_TIMES)
    answered(worth, *[SLOW * 2] * (SLOWER_TIMES + 1))
    read(worth, READ_INSTEAD - 1)
    assert not worth.is_worth_it("question")
    read(worth, 1)
    assert worth.is_worth_it("question")
    assert answered(worth, *[SLOW * 2] * SLOWER_TIMES) == [False] * SLOWER_TIMES
