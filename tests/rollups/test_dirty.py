"""What was made before something was recorded in its cell does not hold any more."""

import pytest

from tocsin.metrics.rollups import dirty as module
from tocsin.metrics.rollups.dirty import Touched

MINUTE, HOUR = 0, 1
AT = 90 * 60_000


@pytest.fixture
def touched() -> Touched:
    return Touched(7)


def test_a_cell_is_touched_at_every_level_and_its_neighbours_are_not(touched: Touched) -> None:
    made = touched.now
    assert touched.since(MINUTE, 90) <= made == 7
    touched.tell([AT], 8)
    assert touched.since(MINUTE, 90) > made
    assert touched.since(HOUR, 2) > made
    assert touched.since(MINUTE, 91) <= made
    assert touched.since(HOUR, 1) <= made


def test_what_is_made_after_the_telling_holds(touched: Touched) -> None:
    touched.tell([AT, AT], 9)
    assert touched.since(MINUTE, 90) <= touched.now == 9


def test_the_end_of_a_cell_belongs_to_it_and_its_beginning_does_not(touched: Touched) -> None:
    made = touched.now
    touched.tell([AT, AT + 1], 9)
    assert touched.since(MINUTE, 90) > made
    assert touched.since(MINUTE, 91) > made
    assert touched.since(MINUTE, 89) <= made


def test_when_all_is_forgotten_another_epoch_begins(touched: Touched) -> None:
    epoch = touched.epoch
    touched.tell([AT], 8)
    assert touched.epoch == epoch
    touched.forget()
    assert touched.epoch != epoch
    assert touched.now == 8


def test_too_many_cells_to_remember_are_forgotten_together(
    touched: Touched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 3)
    epoch = touched.epoch
    touched.tell([minute * 60_000 for minute in range(5)], 12)
    assert touched.epoch != epoch
