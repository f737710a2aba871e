"""A former leader that was stopped, and continues after the election of another one, changes
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from support.deployments import servers_only
from support.engines import drop_month
from support.leadership import SetLeadership
from support.opening import fill
from support.shared_nodes import shared_nodes
from tocsin.clickhouse.sql.materialized_columns import compile_existing
from tocsin.errors import Deposed
from tocsin.metrics.column_promoter import ColumnPromoter
from tocsin.model.duration import Duration
from tocsin.model.metrics.draft import read_metric
from tocsin.runtime import Runtime
from tocsin.storage.maintenance import Maintenance
from tocsin.storage.retention import SETTLING, TRUSTED_AFTER
from tocsin.store.tables import facts

pytestmark = servers_only


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runtime, Runtime]]:
    """The leader, and a node that believes to be the leader where a test lets it."""
    folder = tmp_path_factory.mktemp("former")
    with shared_nodes(folder, retention="90d") as (leader, former):
        leader.runtime.maintenance.stop()
        leader.runtime.promoter.stop()
        yield leader.runtime, former.runtime


def stored_facts(node: Runtime) -> dict[str, str]:
    with node.database.reading() as connection:
        return {row.name: row.value for row in connection.execute(select(facts))}


def test_it_drops_no_month_and_stores_no_numbers(nodes: tuple[Runtime, Runtime]) -> None:
    leader, former = nodes
    now = leader.now()
    fill(leader, f"{now - timedelta(days=400):%Y-%m}", 3)
    fill(leader, f"{now:%Y-%m}", 5)
    maintenance = Maintenance(
        former.storage,
        former.deliveries,
        former.audit,
        {},
        former.events,
        former.clock,
        retention=Duration.parse("90d"),
        leadership=SetLeadership(),
    )
    stored = stored_facts(leader)
    for running in (SETTLING, TRUSTED_AFTER, TRUSTED_AFTER + SETTLING):
        maintenance.run(now + running, running)
    with pytest.raises(Deposed):
        former.engine.drop_months_before(now, former.storage.fence.confirm)
    assert leader.engine.rows() == 8
    assert stored_facts(leader) == stored
    for running in (SETTLING, TRUSTED_AFTER, TRUSTED_AFTER + SETTLING):
        leader.maintenance.run(now + running, running)
    assert leader.engine.rows() == 5


def test_it_reports_no_losses(nodes: tuple[Runtime, Runtime]) -> None:
    leader, former = nodes
    fill(leader, "2026-02", 3)
    leader.storage.losses.check(leader.now())
    drop_month(leader.engine, 202602)
    with pytest.raises(Deposed):
        former.storage.losses.check(former.now())
    assert former.storage.losses.problems() == []
    leader.storage.losses.check(leader.now())
    assert len(leader.storage.losses.problems()) == 1


def test_it_does_not_report_the_losses_that_it_detected_before(
    nodes: tuple[Runtime, Runtime],
) -> None:
    leader, _ = nodes
    leadership = SetLeadership()
    maintenance = Maintenance(
        leader.storage,
        leader.deliveries,
        leader.audit,
        {},
        leader.events,
        leader.clock,
        retention=None,
        leadership=leadership,
    )
    fill(leader, "2026-02", 3)
    maintenance.run(leader.now(), SETTLING)
    drop_month(leader.engine, 202602)
    maintenance.run(leader.now(), SETTLING)
    assert len(leader.storage.losses.problems()) == 1
    leadership.is_leader = False
    maintenance.run(leader.now(), SETTLING)
    assert leader.storage.losses.problems() == []


def test_it_adds_no_column(nodes: tuple[Runtime, Runtime]) -> None:
    leader, former = nodes
    sent = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
    leader.recorder.record_own([{**sent, "interaction": {"size": 1}}])
    body = {"name": "m", "metricType": "SUM", "field": "interaction.size"}
    leader.metrics.create(*read_metric(body, leader.catalog), leader.now())
    former.database.revisions.refresh()
    promoter = ColumnPromoter(
        former.engine,
        former.metrics,
        former.clock,
        leadership=SetLeadership(),
        fence=former.storage.fence,
    )
    promoter.wake()
    with pytest.raises(Deposed):
        promoter.run_once()
    assert leader.engine.run_ddl(compile_existing()) == []
    leader.promoter.wake()
    leader.promoter.run_once()
    assert len(leader.engine.run_ddl(compile_existing())) == 1
