"""The state machine of alerts, as tables by the minute that can be checked by eye.

The first line of a table is the value of a group at each minute: `.` where it is not among the
rows, `?` where its value is null. The second is its state: `-` OK and forgotten, `o` OK and
remembered, `P` pending, `F` firing; `!` behind it where a transition is reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.model.alerts.alert import Rule
from tocsin.model.alerts.evaluation import evaluate_groups, evaluate_rising
from tocsin.model.alerts.state import AlertState, Reason, StateChange, Status, advance, resolve
from tocsin.model.metrics.answer import Reading

START = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)
MARKS = {None: "-", Status.OK: "o", Status.PENDING: "P", Status.FIRING: "F"}


def rule(**members: Any) -> Rule:
    return Rule.model_validate({"operator": "gt", "threshold": 10, **members})


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def reading(mark: str) -> Reading | None:
    if mark == ".":
        return None
    return Reading(None if mark == "?" else float(mark), None)


def play(rule: Rule, values: Iterable[str]) -> tuple[str, list[StateChange]]:
    """The states that a group goes through, a minute for each value, and the reported changes."""
    state: AlertState | None = None
    states, changes = [], []
    for number, mark in enumerate(values):
        state, change = advance(rule, state, reading(mark), minute(number))
        states.append(MARKS[state.status if state else None] + ("!" if change else ""))
        changes += [change] if change else []
    return " ".join(states), changes


TABLES: dict[str, tuple[dict[str, Any], str, str]] = {
    "it fires immediately and recovers immediately": (
        {},
        "1  11  12  10  11  .",
        "-  F!  F   -!  F!  -!",
    ),
    "a value that equals the threshold does not pass it": (
        {},
        "10  10  11",
        "-   -   F!",
    ),
    "with for it is pending until the condition has held so long": (
        {"for": "2m"},
        "11  11  11  11  1",
        "P   P   F!  F   -!",
    ),
    "a pending group that clears does so in silence, and begins again": (
        {"for": "2m"},
        "11  11  1  11  11  11",
        "P   P   -  P   P   F!",
    ),
    "a pending group that vanishes is forgotten": (
        {"for": "2m"},
        "11  11  .  11  11  11",
        "P   P   -  P   P   F!",
    ),
    "with keepFiringFor it recovers when it has been clear so long": (
        {"keepFiringFor": "2m"},
        "11  1  1  1   1",
        "F!  F  F  -!  -",
    ),
    "a flap while it keeps firing begins the wait again": (
        {"keepFiringFor": "2m"},
        "11  1  11  1  1  1",
        "F!  F  F   F  F  -!",
    ),
    "for and keepFiringFor together": (
        {"for": "1m", "keepFiringFor": "1m"},
        "11  11  1  11  1  1   11  1",
        "P   F!  F  F   F  -!  P   -",
    ),
    "with a recovery threshold it clears only past that": (
        {"recoveryThreshold": 5},
        "6  11  6  5.1  5   6  11",
        "-  F!  F  F    -!  -  F!",
    ),
    "downwards as well": (
        {"operator": "lt", "threshold": 5, "recoveryThreshold": 10},
        "6  4   6  9.9  10  6",
        "-  F!  F  F    -!  -",
    ),
    "a pending group is held against the threshold, not the recovery threshold": (
        {"recoveryThreshold": 5, "for": "2m"},
        "11  6  11  11  11",
        "P   -  P   P   F!",
    ),
    "no data is clear": (
        {"noData": "ok"},
        "11  ?   11  .   .",
        "F!  -!  F!  -!  -",
    ),
    "no data is clear, and counts towards keepFiringFor": (
        {"noData": "ok", "keepFiringFor": "2m"},
        "11  .  ?  .",
        "F!  F  F  -!",
    ),
    "no data keeps what is": (
        {"noData": "keep"},
        "11  .  ?  1   .  ?  11",
        "F!  F  F  -!  -  -  F!",
    ),
    "no data keeps a pending group pending, and does not let it fire": (
        {"noData": "keep", "for": "2m"},
        "11  .  .  .  11",
        "P   P  P  P  F!",
    ),
    "no data keeps a wait for recovery waiting": (
        {"noData": "keep", "keepFiringFor": "2m"},
        "11  1  .  .  1",
        "F!  F  F  F  -!",
    ),
    "no data fires": (
        {"noData": "firing"},
        "1  .   .  1   ?   1",
        "o  F!  F  o!  F!  o!",
    ),
    "no data fires after for": (
        {"noData": "firing", "for": "2m"},
        "1  .  .  .   1",
        "o  P  P  F!  o!",
    ),
    "no data and the threshold together hold the condition": (
        {"noData": "firing", "for": "2m"},
        "11  .  11  1",
        "P   P  F!  o!",
    ),
    "a group that was never there is not missing": (
        {"noData": "firing"},
        ".  .  1  .",
        "-  -  o  F!",
    ),
    "neq on a missing row is no data, not another value": (
        {"operator": "neq", "threshold": 0},
        "0  .  ?  1   .   0",
        "-  -  -  F!  -!  -",
    ),
    "eq": (
        {"operator": "eq", "threshold": 0},
        "0   1   0.0  .",
        "F!  -!  F!   -!",
    ),
    "gte and lte": (
        {"operator": "gte", "recoveryThreshold": 8},
        "9.9  10  8  7.9",
        "-    F!  F  -!",
    ),
}


@pytest.mark.parametrize("what", TABLES)
def test_minute_by_minute(what: str) -> None:
    members, values, states = TABLES[what]
    assert play(rule(**members), values.split())[0] == " ".join(states.split())


def test_a_change_says_why_when_and_since_when() -> None:
    _, (fired, recovered) = play(rule(**{"for": "1m", "noData": "firing"}), ["11", ".", ".", "3"])
    assert fired == StateChange(Status.FIRING, Reason.NO_DATA, minute(1), None, None, minute(1))
    assert recovered == StateChange(Status.OK, Reason.RECOVERED, minute(3), 3.0, None, minute(1))
    _, (fired,) = play(rule(), ["11"])
    assert (fired.reason, fired.value) == (Reason.THRESHOLD, 11)


def test_a_state_that_stays_as_it_was_is_given_back_itself() -> None:
    held = rule(**{"for": "2m", "keepFiringFor": "2m"})
    for status, clear_since, mark in [
        (Status.PENDING, None, "11"),
        (Status.FIRING, None, "11"),
        (Status.FIRING, minute(0), "1"),
    ]:
        state = AlertState(status, minute(0), 11, None, clear_since)
        assert advance(held, state, reading(mark), minute(1))[0] is state


def test_resolving_a_group_reports_a_change_only_if_it_fired() -> None:
    firing = AlertState(Status.FIRING, minute(0), 11, {"a": "b"})
    change = resolve(firing, Reason.CHANGED, minute(5))
    assert change == StateChange(Status.OK, Reason.CHANGED, minute(5), 11, {"a": "b"}, minute(0))
    for status in (Status.PENDING, Status.OK):
        assert resolve(AlertState(status, minute(0), 11), Reason.DISABLED, minute(5)) is None


def test_a_clock_that_jumps_forward_ends_a_wait() -> None:
    pending, _ = advance(rule(**{"for": "5m"}), None, Reading(11, None), minute(0))
    fired, change = advance(rule(**{"for": "5m"}), pending, Reading(11, None), minute(600))
    assert fired
    assert change
    assert (fired.status, change.at) == (Status.FIRING, minute(600))


def test_a_clock_that_is_set_back_begins_a_wait_again_and_makes_it_no_longer() -> None:
    held = rule(**{"for": "5m", "keepFiringFor": "5m"})
    state, _ = advance(held, None, Reading(11, None), minute(600))
    state, change = advance(held, state, Reading(11, None), minute(0))
    assert (state and state.since, change) == (minute(0), None)
    state, change = advance(held, state, Reading(11, None), minute(5))
    assert change
    state, _ = advance(held, state, Reading(1, None), minute(600))
    state, _ = advance(held, state, Reading(1, None), minute(10))
    assert state
    assert state.clear_since == minute(10)
    state, change = advance(held, state, Reading(1, None), minute(15))
    assert state is None
    assert change


def groups(*rows: tuple[float | None, str]) -> list[Reading]:
    names = ("country", "plan", "device", "version", "channel")
    return [Reading(v, dict(zip(names, text.split("/"), strict=True))) for v, text in rows]


def test_each_group_of_five_fields_has_a_state_of_its_own() -> None:
    web, app = "ZA/pro/ios/1/web", "ZA/pro/ios/1/app"
    first = evaluate_groups(rule(), {}, groups((11, web), (1, app)), minute(0))
    assert (first.groups, first.firing) == (2, 1)
    states = {key: state for key, state in first.states.items() if state}
    assert list(states) == [tuple(web.split("/"))]
    second = evaluate_groups(rule(), states, groups((12, app), (11, web)), minute(1))
    assert [change.dimensions for change in second.changes] == [groups((12, app))[0].dimensions]
    assert second.firing == 2
    states |= {key: state for key, state in second.states.items() if state}
    third = evaluate_groups(rule(), states, groups((12, app)), minute(2))
    assert third.states == {tuple(web.split("/")): None}
    assert [change.reason for change in third.changes] == [Reason.RECOVERED]
    assert (third.groups, third.firing) == (1, 1)


def test_a_missing_dimension_is_a_group_and_not_the_text_null() -> None:
    rows = [Reading(11, {"country": None}), Reading(12, {"country": "null"})]
    assert len(evaluate_groups(rule(), {}, rows, minute(0)).states) == 2


def test_between_slots_conditions_come_true_and_nothing_clears() -> None:
    held = rule(**{"noData": "firing"})
    web, app = "ZA/pro/ios/1/web", "ZA/pro/ios/1/app"
    states = {
        key: state
        for key, state in evaluate_groups(held, {}, groups((11, web)), minute(0)).states.items()
        if state
    }
    for readings in ([], groups((1, web)), groups((None, web))):
        assert evaluate_rising(held, states, readings, minute(1)).states == {}
    risen = evaluate_rising(
        held, states, groups((1, web), (11, app), (None, "a/b/c/d/e")), minute(1)
    )
    assert [state and state.status for state in risen.states.values()] == [Status.FIRING]
    assert (risen.groups, risen.firing) == (3, 2)
