"""Metrics whose fields are columns have the values of the oracle.

The metrics are saved before the first interaction, half-way, so parts lack the columns at first, or
after the last one; with columns for few texts, and for many.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from support.worlds import (
    AT,
    World,
    check_all_together,
    check_metrics,
    check_series,
    drawn,
    merge,
    open_world,
)
from tocsin.clickhouse.sql.materialized_columns import FieldValue, columns_to_materialize
from tocsin.metrics import column_promoter
from tocsin.model.metrics.draft import read_metric

SEED, SAMPLE = 21, 20
NO_APPEND = 3


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((1, 5), id="half-way"),
        pytest.param((0, 1_000), id="before", marks=pytest.mark.long),
        pytest.param((NO_APPEND, 5), id="after", marks=pytest.mark.long),
    ],
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The metrics are saved before the append of that number, or after all of them."""
    when, few = request.param

    def before_append(world: World, number: int) -> None:
        if number == when:
            promote(world)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_promoter, "LOW_CARDINALITY_LIMIT", few)
        opened = open_world(tmp_path_factory.mktemp("world"), 20, before_append=before_append)
        before_append(opened, NO_APPEND)
        yield opened
        opened.runtime.close()


def promote(world: World) -> None:
    """Save the metrics that will be calculated, without scopes, which may not be known yet."""
    runtime = world.runtime
    for metric, _ in drawn(world, SEED, SAMPLE):
        definition = {"name": "any", **metric, "resourceType": None, "action": None, "origin": None}
        draft, question = read_metric(definition, runtime.catalog)
        runtime.metrics.create(draft, question, AT)


def wait_until_promoted(world: World) -> set[FieldValue]:
    engine, deadline = world.runtime.engine, time.monotonic() + 120
    questions = [metric.question for metric in world.runtime.metrics.all()]
    world.runtime.promoter.wake()
    while set(engine.materialized_columns) != (
        values := set(columns_to_materialize(questions, engine.field_types.of))
    ):
        assert time.monotonic() < deadline, (
            f"{len(engine.materialized_columns)} of {len(values)} promoted"
        )
        time.sleep(0.05)
    return values


def test_while_columns_are_filled_metrics_have_the_values_of_the_oracle(world: World) -> None:
    check_metrics(world, SEED, SAMPLE)


def test_over_filled_columns_metrics_have_the_values_of_the_oracle(world: World) -> None:
    values = wait_until_promoted(world)
    assert len(values) > SAMPLE // 2
    check_metrics(world, SEED, SAMPLE)
    check_series(world, SEED, SAMPLE // 2)
    check_all_together(world, SEED, SAMPLE)


def test_after_a_merge_the_values_are_the_same(world: World) -> None:
    merge(world)
    check_metrics(world, SEED, SAMPLE)
