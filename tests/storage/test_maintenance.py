"""Maintenance tasks run independently of each other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import text

from support.leadership import SetLeadership
from support.opening import fill, opened
from tocsin.model.duration import Duration
from tocsin.model.key import Role
from tocsin.process.events import InteractionsDropped
from tocsin.storage.maintenance import Maintenance
from tocsin.storage.retention import SETTLING, TRUSTED_AFTER


def test_expired_interactions_are_dropped_though_sessions_cannot_be_written(tmp_path: Path) -> None:
    with opened(tmp_path / "data", retention="90d") as runtime:
        runtime.maintenance.stop()
        now = runtime.now()
        fill(runtime, f"{now - timedelta(days=400):%Y-%m}", 1)
        fill(runtime, f"{now:%Y-%m}", 3)
        key, _ = runtime.keys.create("viewer", Role.READ, now)
        runtime.sessions.begin(key.key_id, None, now)
        with runtime.database.writing() as connection:
            connection.execute(text("DROP TABLE sessions"))
        with structlog.testing.capture_logs() as logged:
            runtime.maintenance.run(now, SETTLING)
        assert runtime.engine.rows() == 3
        assert [line["task"] for line in logged if "task" in line] == ["sessions"]


def test_only_a_drop_is_published_and_it_names_the_first_month_that_is_kept(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "data", retention="90d") as runtime:
        runtime.maintenance.stop()
        now = runtime.now()
        dropped: list[InteractionsDropped] = []
        runtime.events.subscribe(InteractionsDropped, dropped.append)
        fill(runtime, f"{now:%Y-%m}", 3)
        runtime.maintenance.run(now, SETTLING)
        assert not dropped
        fill(runtime, f"{now - timedelta(days=400):%Y-%m}", 1)
        runtime.maintenance.run(now, SETTLING)
        horizon = now - timedelta(days=90)
        first = horizon.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        assert dropped == [InteractionsDropped(first)]


def test_a_failing_task_does_not_keep_the_clock_from_being_trusted(tmp_path: Path) -> None:
    with opened(tmp_path / "data", retention="90d") as runtime:
        runtime.maintenance.stop()
        now = runtime.now()
        fill(runtime, f"{now - timedelta(days=400):%Y-%m}", 3)
        key, _ = runtime.keys.create("viewer", Role.READ, now)
        runtime.sessions.begin(key.key_id, None, now)
        with runtime.database.writing() as connection:
            connection.execute(text("DROP TABLE sessions"))
        for running in (SETTLING, TRUSTED_AFTER, TRUSTED_AFTER + SETTLING):
            runtime.maintenance.run(now + running, running)
        assert runtime.engine.rows() == 0


def test_a_node_that_becomes_the_leader_trusts_a_clock_that_the_leader_before_observed(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "data") as runtime:
        runtime.maintenance.stop()
        now = runtime.now()
        fill(runtime, f"{now - timedelta(days=400):%Y-%m}", 3)
        leadership = SetLeadership(is_leader=False)
        follower = Maintenance(
            runtime.storage,
            runtime.deliveries,
            runtime.audit,
            {},
            runtime.events,
            runtime.clock,
            retention=Duration.parse("90d"),
            leadership=leadership,
        )
        for running in (SETTLING, TRUSTED_AFTER, TRUSTED_AFTER + SETTLING):
            runtime.maintenance.run(now + running, running)
            follower.run(now + running, running)
        assert runtime.engine.rows() == 3
        leadership.is_leader = True
        later = TRUSTED_AFTER + 2 * SETTLING
        follower.run(now + later, later)
        assert runtime.engine.rows() == 0
