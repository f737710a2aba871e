"""Alerts that are evaluated immediately on the arrival of interactions, and how often."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from support.alert_builder import alert
from support.builders import a_metric, an_interaction
from tocsin.alerting.alert_values import AlertMetrics
from tocsin.alerting.triggers import PAUSE_SECONDS, ArrivalTriggers, can_fire_on_arrival
from tocsin.model.alerts.alert import Alert, Comparison, Guard, Rule
from tocsin.model.duration import Duration
from tocsin.model.interactions.interaction import Interaction

TYPE, ACTION, ORIGIN, OTHER = (UUID(int=n) for n in (11, 12, 13, 14))
COUNT = {"metricType": "COUNT"}
HOUR_AGO = {"offset": "1h", "as": "difference"}
NOT_NEGATIVE = {"field": "interaction.n", "operator": "gte", "value": 0}
OTHER_LEAF = {"field": "interaction.m", "operator": "gt", "value": 0}


def arrived(type: UUID = TYPE, action: UUID = ACTION, origin: UUID = ORIGIN) -> Interaction:
    return an_interaction((type.bytes, action.bytes, origin.bytes))


def watched(id: int, **question: Any) -> tuple[Alert, AlertMetrics]:
    return alert("1m", id), AlertMetrics(a_metric(**question))


@pytest.mark.parametrize(
    ("question", "operator", "rises"),
    [
        ({"metricType": "COUNT"}, "gt", True),
        ({"metricType": "COUNT"}, "gte", True),
        ({"metricType": "COUNT"}, "lt", False),
        ({"metricType": "COUNT"}, "eq", False),
        ({"metricType": "COUNT"}, "neq", False),
        ({"metricType": "RATE", "timeWindow": "5m"}, "gt", True),
        ({"metricType": "DISTINCT_COUNT", "field": "userId"}, "gte", True),
        ({"metricType": "COUNT", "timeWindow": "today Europe/Berlin"}, "gt", True),
        ({"metricType": "COUNT", "timeWindow": "thisMonth Europe/Berlin"}, "gt", True),
        ({"metricType": "COUNT", "timeWindow": "thisWeek Europe/Berlin"}, "lt", False),
        ({"metricType": "COUNT", "timeWindow": "yesterday Europe/Berlin"}, "gt", False),
        ({"metricType": "COUNT", "timeWindow": "lastMonth Europe/Berlin"}, "gt", False),
        ({"metricType": "MAX", "field": "interaction.n"}, "gt", True),
        ({"metricType": "MAX", "field": "interaction.n"}, "lt", False),
        ({"metricType": "MIN", "field": "interaction.n"}, "lt", True),
        ({"metricType": "MIN", "field": "interaction.n"}, "gt", False),
        ({"metricType": "AVG", "field": "interaction.n"}, "gt", False),
        ({"metricType": "PERCENTILE", "field": "interaction.n", "percentile": 95}, "gt", False),
        ({"metricType": "PERCENTILE", "field": "interaction.n", "percentile": 100}, "gt", False),
        ({"metricType": "LATEST", "field": "interaction.n"}, "gt", False),
        ({"metricType": "LATEST", "field": "interaction.n"}, "lt", False),
        ({"metricType": "RATIO", "numerator": COUNT, "denominator": COUNT}, "gt", False),
        ({**COUNT, "timeWindow": "5m", "compare": HOUR_AGO}, "gt", False),
        ({**COUNT, "timeWindow": "5m", "compare": HOUR_AGO}, "lt", False),
        ({"metricType": "SUM", "field": "interaction.n"}, "gt", False),
        ({"metricType": "SUM", "field": "interaction.n", "filters": [NOT_NEGATIVE]}, "gt", True),
        ({"metricType": "SUM", "field": "interaction.m", "filters": [NOT_NEGATIVE]}, "gt", False),
        ({"metricType": "SUM", "field": "interaction.n", "filters": [NOT_NEGATIVE]}, "lt", False),
        (
            {
                "metricType": "SUM",
                "field": "interaction.n",
                "filters": [{**NOT_NEGATIVE, "value": -1}],
            },
            "gt",
            False,
        ),
    ],
)
def test_only_a_rule_that_an_arrival_alone_can_make_true_fires_on_arrival(
    question: dict[str, Any], operator: str, rises: bool
) -> None:
    rule = Rule.model_validate({"operator": operator, "threshold": 1})
    watched_alert = alert("1m").model_copy(update={"rule": rule})
    metrics = AlertMetrics(a_metric(**question))
    assert can_fire_on_arrival(watched_alert, metrics) is rises
    delayed = watched_alert.model_copy(update={"evaluation_delay": Duration.parse("10s")})
    assert not can_fire_on_arrival(delayed, metrics)


@pytest.mark.parametrize(
    ("guards", "rises"),
    [
        ([("gte", {"metricType": "COUNT"})], True),
        ([("lt", {"metricType": "COUNT"})], False),
        ([("eq", {"metricType": "COUNT"})], False),
        ([("lt", {"metricType": "MIN", "field": "interaction.n"})], True),
        ([("gt", {"metricType": "AVG", "field": "interaction.n"})], False),
        (
            [("gt", {"metricType": "COUNT"}), ("gt", {"metricType": "RATE", "timeWindow": "5m"})],
            True,
        ),
        ([("gt", {"metricType": "COUNT"}), ("lte", {"metricType": "COUNT"})], False),
    ],
)
def test_an_alert_fires_on_arrival_only_if_an_arrival_alone_can_make_every_guard_hold(
    guards: list[tuple[str, dict[str, Any]]], rises: bool
) -> None:
    only_when = tuple(
        Guard(metric_id=UUID(int=1), operator=Comparison(operator), threshold=1)
        for operator, _ in guards
    )
    guarded = alert("1m", only_when=only_when)
    metrics = AlertMetrics(a_metric(), tuple(a_metric(**question) for _, question in guards))
    assert can_fire_on_arrival(guarded, metrics) is rises


def test_an_interaction_that_only_a_guard_counts_triggers_its_alert() -> None:
    guard = Guard(metric_id=UUID(int=2), operator=Comparison.GTE, threshold=50)
    guarded = alert("1m", 1, only_when=(guard,))
    metrics = AlertMetrics(a_metric(actionId=ACTION), (a_metric(actionId=OTHER),))
    triggers = ArrivalTriggers()
    triggers.watch([(guarded, metrics)])
    for action in (ACTION, OTHER):
        assert triggers.notify([arrived(action=action)])
        assert triggers.pop_ready(1_000 * action.int) == [UUID(int=1)]
    assert not triggers.notify([arrived(action=TYPE)])


@pytest.mark.parametrize(
    ("tree", "rises"),
    [
        ({"all": [OTHER_LEAF, NOT_NEGATIVE]}, True),
        ({"any": [NOT_NEGATIVE, {**NOT_NEGATIVE, "value": 5}]}, True),
        ({"any": [NOT_NEGATIVE, OTHER_LEAF]}, False),
        ({"any": [NOT_NEGATIVE, {"all": [OTHER_LEAF, NOT_NEGATIVE]}]}, True),
        ({"all": [OTHER_LEAF, {"any": [NOT_NEGATIVE, OTHER_LEAF]}]}, False),
        ({"not": NOT_NEGATIVE}, False),
        ({"not": {"field": "interaction.n", "operator": "lt", "value": 0}}, False),
    ],
)
def test_a_sum_may_fire_on_arrival_if_its_filter_tree_excludes_negative_numbers(
    tree: dict[str, Any], rises: bool
) -> None:
    question: dict[str, Any] = {
        **{"metricType": "SUM", "field": "interaction.n"},
        "filters": [tree],
    }
    assert can_fire_on_arrival(alert("1m"), AlertMetrics(a_metric(**question))) is rises


def test_an_interaction_triggers_the_alerts_whose_metrics_may_count_it() -> None:
    triggers = ArrivalTriggers()
    triggers.watch(
        [
            watched(1),
            watched(2, resourceTypeId=TYPE, actionId=ACTION, originId=ORIGIN),
            watched(3, actionId=OTHER),
        ]
    )
    triggers.notify([arrived()])
    assert set(triggers.pop_ready(1_000)) == {UUID(int=1), UUID(int=2)}
    triggers.notify([arrived(type=OTHER), arrived(action=OTHER)])
    assert set(triggers.pop_ready(2_000)) == {UUID(int=1), UUID(int=3)}
    assert triggers.pop_ready(3_000) == []


def test_an_imported_interaction_triggers_no_alert() -> None:
    triggers = ArrivalTriggers()
    triggers.watch([watched(1)])
    imported = arrived()
    imported.is_imported = True
    triggers.notify([imported])
    assert triggers.pop_ready(1_000) == []
    triggers.notify([imported, arrived()])
    assert triggers.pop_ready(1_000) == [UUID(int=1)]


def test_an_alert_is_ready_twice_a_second_at_most() -> None:
    triggers = ArrivalTriggers()
    triggers.watch([watched(1)])
    instants = []
    for tenth in range(100, 130):
        triggers.notify([arrived()])
        instants += [tenth / 10] * len(triggers.pop_ready(tenth / 10))
    assert instants == [10.0, 10.5, 11.0, 11.5, 12.0, 12.5]
    assert PAUSE_SECONDS == 0.5


def test_a_disabled_alert_is_not_triggered_and_its_earlier_trigger_is_forgotten() -> None:
    triggers = ArrivalTriggers()
    watched_alert, metric = watched(1)
    triggers.watch([(watched_alert, metric)])
    triggers.notify([arrived()])
    triggers.watch([(watched_alert.model_copy(update={"enabled": False}), metric)])
    triggers.notify([arrived()])
    assert triggers.pop_ready(1_000) == []


def test_a_block_that_triggers_nothing_new_does_not_wake_the_scheduler() -> None:
    triggers = ArrivalTriggers()
    assert not triggers.notify([arrived()])
    triggers.watch([watched(1)])
    assert triggers.notify([arrived()])
    assert not triggers.notify([arrived()])
    assert triggers.pop_ready(1_000) == [UUID(int=1)]
    assert triggers.notify([arrived()])


def test_an_alert_that_was_just_popped_is_ready_after_the_pause() -> None:
    triggers = ArrivalTriggers()
    triggers.watch([watched(1)])
    assert triggers.seconds_until_ready(10.0) is None
    triggers.notify([arrived()])
    assert triggers.seconds_until_ready(10.0) == 0.0
    triggers.pop_ready(10.0)
    triggers.notify([arrived()])
    assert triggers.seconds_until_ready(10.1) == pytest.approx(PAUSE_SECONDS - 0.1)


def test_the_scopes_of_interactions_of_another_node_trigger_the_same_alerts() -> None:
    triggers = ArrivalTriggers()
    assert not triggers.notify_scopes([(TYPE.bytes, ACTION.bytes, ORIGIN.bytes)])
    triggers.watch([watched(1), watched(3, actionId=OTHER)])
    assert triggers.notify_scopes([(TYPE.bytes, ACTION.bytes, ORIGIN.bytes)])
    assert not triggers.notify_scopes([])
    assert triggers.pop_ready(1_000) == [UUID(int=1)]
