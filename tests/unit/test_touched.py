"""What was made before something was recorded in its cell does not hold any more."""

import pytest

from tocsin.rollups import touched as module
from tocsin.rollups.touched import Touched

MINUTE, HOUR = 0, 1
AT = 90 * 60_000


def test_a_cell_is_touched_at_every_level_and_its_neighbours_are_not() -> None:
    touched = Touched()
    made = touched.now
    assert touched.since(MINUTE, 90) <= made
    touched.tell([AT])
    assert touched.since(MINUTE, 90) > made
    assert touched.since(HOUR, 2) > made
    assert touched.since(MINUTE, 91) <= made
    assert touched.since(HOUR, 1) <= made


def test_what_is_made_after_the_telling_holds() -> None:
    touched = Touched()
    touched.tell([AT])
    assert touched.since(MINUTE, 90) <= touched.now


def test_the_end_of_a_cell_belongs_to_it_and_its_beginning_does_not() -> None:
    touched = Touched()
    made = touched.now
    touched.tell([AT, AT + 1])
    assert touched.since(MINUTE, 90) > made
    assert touched.since(MINUTE, 91) > made
    assert touched.since(MINUTE, 89) <= made


def test_when_all_is_forgotten_nothing_holds() -> None:
    touched = Touched()
    made = touched.now
    touched.forget()
    assert touched.since(HOUR, 5) > made
    assert touched.since(HOUR, 5) <= touched.now


def test_too_many_cells_to_remember_are_forgotten_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 3)
    touched = Touched()
    made = touched.now
    touched.tell([minute * 60_000 for minute in range(5)])
    assert touched.since(MINUTE, 77) > made
