"""Random alerts over random values, kept in a real store and read back, against the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.alert_reference import MISSING, Group
from support.alerting import Store, opened_store
from tocsin.model.alerts.alert import Alert, Comparison, NoData
from tocsin.model.alerts.evaluation import EvaluationResult, evaluate_groups
from tocsin.model.alerts.state import Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.metrics.answer import Reading

START = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)
NAMES = ("a", "b", "c", None, "null")
LOOKS = 40

VALUES = st.sampled_from([MISSING, MISSING, None, 0, 1, 2, 2.5, 3, 4, 5])
STEPS = st.lists(
    st.tuples(st.sampled_from([10, 60, 60, 60, 90, 600]), st.tuples(*[VALUES] * len(NAMES))),
    min_size=LOOKS,
    max_size=LOOKS,
)
WAITS = st.sampled_from(["0s", "10s", "1m", "2m", "5m"])
# Recovery thresholds that lie where each comparison does not hold.
RULES = st.sampled_from(list(Comparison)).flatmap(
    lambda operator: st.fixed_dictionaries(
        {
            "operator": st.just(operator.value),
            "threshold": st.just(3),
            "for": WAITS,
            "keepFiringFor": WAITS,
            "noData": st.sampled_from([policy.value for policy in NoData]),
        },
        optional={"recoveryThreshold": st.just(2 if operator.is_upward else 4)}
        if operator.is_ordering
        else {},
    )
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


def references(rule: dict[str, Any]) -> list[Group]:
    holds = Comparison(rule["operator"]).holds
    recovery = rule.get("recoveryThreshold", rule["threshold"])
    seconds = {"0s": 0, "10s": 10, "1m": 60, "2m": 120, "5m": 300}
    return [
        Group(
            rule["noData"],
            lambda value: holds(value, rule["threshold"]),
            lambda value: holds(value, recovery),
            seconds[rule["for"]],
            seconds[rule["keepFiringFor"]],
        )
        for _ in NAMES
    ]


def evaluate(store: Store, alert: Alert, values: tuple[Any, ...], at: datetime) -> None:
    """One evaluation as the evaluator does it, but for the calculation."""
    stored = store.evaluations.stored_states([alert.alert_id])[alert.alert_id]
    readings = [
        Reading(value, {"name": name})
        for name, value in zip(NAMES, values, strict=True)
        if value is not MISSING
    ]
    groups = evaluate_groups(alert.rule, stored.states, readings, at)
    transitions = [Transition.of(change, alert, store.metric) for change in groups.changes]
    result = EvaluationResult(
        alert, at, stored.version, 1.0, states=groups.states, transitions=transitions
    )
    assert store.evaluations.save([result], None) == {alert.alert_id}


def agree(store: Store, rule: dict[str, Any], steps: list[Any], restart: int) -> None:
    alert = store.alert(**rule)
    groups = references(rule)
    at = START
    for number, (seconds, values) in enumerate(steps):
        at += timedelta(seconds=seconds)
        if number % restart == 0:
            store.restart()
        evaluate(store, alert, values, at)
        expected = {
            (name,): status
            for name, group, value in zip(NAMES, groups, values, strict=True)
            if (status := group.see(at, value)) != "forgotten"
        }
        states = store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states
        assert {key: state.status.value for key, state in states.items()} == expected
    reported = [
        (transition.change.dimensions, transition.change.at, transition.change.status)
        for transition in store.transitions.page(10_000, alert_id=alert.alert_id)
    ]
    expected_told = [
        ({"name": name}, at, Status(status))
        for name, group in zip(NAMES, groups, strict=True)
        for at, status in group.reported
    ]
    assert sorted(map(str, reported)) == sorted(map(str, expected_told))


def trial(examples: int) -> Callable[[Store], None]:
    @given(rule=RULES, steps=STEPS, restart=st.integers(1, LOOKS))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def run(store: Store, rule: dict[str, Any], steps: list[Any], restart: int) -> None:
        agree(store, rule, steps, restart)

    return lambda store: run(store=store)


def test_random_alerts_do_what_the_reference_does(store: Store) -> None:
    trial(12)(store)


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_a_hundred_thousand_random_steps_do_what_the_reference_does(store: Store) -> None:
    trial(100_000 // (LOOKS * len(NAMES)))(store)
