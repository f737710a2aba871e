"""Metrics, on a real SQLite."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tocsin.errors import NotFound
from tocsin.model.metrics.draft import read_metric
from tocsin.store.catalog import Catalog
from tocsin.store.database import Database
from tocsin.store.metrics import Metrics

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
LATER = AT + timedelta(days=1)
COUNT = {"name": "n", "metricType": "COUNT"}
NASTY = {
    "name": "Ünïcode \x1a and 'quotes' \U0001f600",
    "description": "",
    "metricType": "RATE",
    "action": "fired",
    "resourceType": "ALERT",
    "origin": "NOTIFY",
    "filters": [
        {"field": "interaction.a", "operator": "eq", "value": 10**40 + 1},
        {"field": "interaction.a", "operator": "eq", "value": -0.0},
        {"field": "interaction.a", "operator": "eq", "value": 1e300},
        {"field": "interaction.a", "operator": "eq", "value": 0.1},
        {"field": "interaction.a", "operator": "eq", "value": 1.0},
        {"field": "interaction.a", "operator": "eq", "value": True},
        {"field": "interaction.a", "operator": "eq", "value": None},
        {"field": "interaction.a", "operator": "exists"},
        {
            "field": r"interaction.x\.y.\\",
            "operator": "in",
            "value": ["a\x00b", 1, None, 2**64, ""],
        },
    ],
    "timeWindow": "24h",
    "groupBy": ["userId", "interaction.名前"],
    "enabled": False,
    "expose": True,
}


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


@pytest.fixture
def metrics(database: Database) -> Metrics:
    return Metrics(database)


@pytest.mark.parametrize("body", [COUNT, NASTY])
def test_a_definition_is_read_exactly_as_it_was_given(
    database: Database, catalog: Catalog, metrics: Metrics, body: dict[str, object]
) -> None:
    draft, question = read_metric(body, catalog)
    created = metrics.create(draft, question, AT)
    read = Metrics(database).get(created.metric_id)
    assert read == created == metrics.get(created.metric_id)
    assert (read.name, read.description, read.enabled) == (
        draft.name,
        draft.description,
        draft.enabled,
    )
    # 1, 1.0 and True are equal in Python, but their texts differ.
    assert repr(read.question) == repr(question)


def test_metrics_are_listed_in_the_order_of_creation(
    database: Database, catalog: Catalog, metrics: Metrics
) -> None:
    created = [metrics.create(*read_metric({**COUNT, "name": name}, catalog), AT) for name in "cab"]
    replaced = metrics.replace(created[0].metric_id, *read_metric(COUNT, catalog), LATER)
    assert metrics.all() == [replaced, *created[1:]] == Metrics(database).all()


def test_replacing_keeps_id_and_creation_and_nothing_else(
    catalog: Catalog, metrics: Metrics
) -> None:
    created = metrics.create(*read_metric(NASTY, catalog), AT)
    replaced = metrics.replace(created.metric_id, *read_metric(COUNT, catalog), LATER)
    assert (replaced.metric_id, replaced.created_date) == (created.metric_id, AT)
    assert (replaced.name, replaced.enabled, replaced.modified_date) == ("n", True, LATER)
    assert replaced.question == read_metric(COUNT, catalog)[1]


def test_a_deleted_metric_is_missing(
    database: Database, catalog: Catalog, metrics: Metrics
) -> None:
    created = metrics.create(*read_metric(COUNT, catalog), AT)
    metrics.delete(created.metric_id, AT)
    assert metrics.all() == Metrics(database).all() == []
    with pytest.raises(NotFound):
        metrics.get(created.metric_id)


def test_a_missing_metric_cannot_be_read_replaced_or_deleted(
    catalog: Catalog, metrics: Metrics
) -> None:
    with pytest.raises(NotFound):
        metrics.get(uuid4())
    with pytest.raises(NotFound):
        metrics.replace(uuid4(), *read_metric(COUNT, catalog), AT)
    with pytest.raises(NotFound):
        metrics.delete(uuid4(), AT)


def test_a_returned_list_does_not_change(catalog: Catalog, metrics: Metrics) -> None:
    before = metrics.all()
    metrics.create(*read_metric(COUNT, catalog), AT)
    assert before == []
