"""Random alerts over random values, kept in a real store and read back, against the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.alert_reference import MISSING, Group
from support.alerting import Store, opened_store
from tocsin.model.alerts.alert import Alert, Comparison, NoData
from tocsin.model.alerts.evaluation import EvaluationResult, evaluate_groups
from tocsin.model.alerts.guards import GuardRows, Guards
from tocsin.model.alerts.state import Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.answer import Reading
from tocsin.model.metrics.question import Question

START = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)
NAMES = ("a", "b", "c", None, "null")
LOOKS = 40

VALUES = st.sampled_from([MISSING, MISSING, None, 0, 1, 2, 2.5, 3, 4, 5])
# Of a guard that is grouped as the metric is, and of one that has one value for all groups.
GUARDED = st.sampled_from([MISSING, None, 0, 3, 4, 4, 5, 5])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([10, 60, 60, 60, 90, 600]),
        st.tuples(*[VALUES] * len(NAMES)),
        st.tuples(st.tuples(*[GUARDED] * len(NAMES)), GUARDED),
    ),
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


GUARDS = st.lists(
    st.tuples(
        st.sampled_from(["grouped", "ungrouped"]), st.sampled_from(["gt", "gte", "lte", "neq"])
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


def references(rule: dict[str, Any], guards: list[tuple[str, str]]) -> list[Group]:
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
            [partial(Comparison(operator).holds, threshold=3) for _, operator in guards],
        )
        for _ in NAMES
    ]


def guard_rows(
    store: Store, alert: Alert, guards: list[tuple[str, str]], seen: tuple[Any, Any]
) -> list[GuardRows]:
    """The rows of each guard, as the evaluator gets them."""
    of_groups, of_all = seen
    members = {name: getattr(store.metric.question, name) for name in Question.model_fields}
    grouped = Question(**{**members, "group_by": (Field("userId"),)})
    rows = []
    for (kind, _), guard in zip(guards, alert.only_when, strict=True):
        metric, readings = store.metric, [] if of_all is MISSING else [Reading(of_all, None)]
        if kind == "grouped":
            metric = store.metric.model_copy(update={"question": grouped})
            readings = [
                Reading(value, {"userId": name})
                for name, value in zip(NAMES, of_groups, strict=True)
                if value is not MISSING
            ]
        rows.append(GuardRows.of(guard, metric, readings, 0))
    return rows


def seen_by_guards(guards: list[tuple[str, str]], place: int, seen: tuple[Any, Any]) -> list[Any]:
    """The value of each guard for a group. A count over nothing is 0."""
    values = [seen[0][place] if kind == "grouped" else seen[1] for kind, _ in guards]
    return [0 if value is MISSING else value for value in values]


def evaluate(
    store: Store, alert: Alert, values: tuple[Any, ...], guards: Guards, at: datetime
) -> None:
    """One evaluation as the evaluator does it, but for the calculation."""
    stored = store.evaluations.stored_states([alert.alert_id])[alert.alert_id]
    readings = [
        Reading(value, {"userId": name})
        for name, value in zip(NAMES, values, strict=True)
        if value is not MISSING
    ]
    groups = evaluate_groups(alert.rule, stored.states, readings, at, guards)
    transitions = [Transition.of(change, alert, store.metric) for change in groups.changes]
    result = EvaluationResult(
        alert, at, stored.version, 1.0, states=groups.states, transitions=transitions
    )
    assert store.evaluations.save([result], None) == {alert.alert_id}


def agree(
    store: Store,
    rule: dict[str, Any],
    guards: list[tuple[str, str]],
    steps: list[Any],
    restart: int,
) -> None:
    if rule["noData"] == "firing":
        guards = []
    id = str(store.metric.metric_id)
    only_when = [{"metricId": id, "operator": operator, "threshold": 3} for _, operator in guards]
    alert = store.alert(**rule, onlyWhen=only_when)
    groups = references(rule, guards)
    at = START
    for number, (seconds, values, seen) in enumerate(steps):
        at += timedelta(seconds=seconds)
        if number % restart == 0:
            store.restart()
        evaluate(store, alert, values, guard_rows(store, alert, guards, seen), at)
        expected = {
            (name,): status
            for place, (name, group) in enumerate(zip(NAMES, groups, strict=True))
            if (status := group.see(at, values[place], seen_by_guards(guards, place, seen)))
            != "forgotten"
        }
        states = store.evaluations.stored_states([alert.alert_id])[alert.alert_id].states
        assert {key: state.status.value for key, state in states.items()} == expected
    reported = [
        (transition.change.dimensions, transition.change.at, transition.change.status)
        for transition in store.transitions.page(10_000, alert_id=alert.alert_id)
    ]
    expected_told = [
        ({"userId": name}, at, Status(status))
        for name, group in zip(NAMES, groups, strict=True)
        for at, status in group.reported
    ]
    assert sorted(map(str, reported)) == sorted(map(str, expected_told))


def trial(examples: int) -> Callable[[Store], None]:
    @given(rule=RULES, guards=GUARDS, steps=STEPS, restart=st.integers(1, LOOKS))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def run(
        store: Store,
        rule: dict[str, Any],
        guards: list[tuple[str, str]],
        steps: list[Any],
        restart: int,
    ) -> None:
        agree(store, rule, guards, steps, restart)

    return lambda store: run(store=store)


def test_random_alerts_do_what_the_reference_does(store: Store) -> None:
    trial(16)(store)


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_a_hundred_thousand_random_steps_do_what_the_reference_does(store: Store) -> None:
    trial(100_000 // (LOOKS * len(NAMES)))(store)
