"""Interactions that the engine lost are reported until they are acknowledged."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from support.deployments import folder_only, servers_only
from support.engines import drop_month
from support.opening import (
    ADMIN_KEY,
    cut_off,
    fill,
    metrics,
    opened,
    overview,
    parts,
    readiness,
)
from support.trusted_clock import tend_with_trusted_clock
from tocsin.api.app import create_app
from tocsin.clickhouse.part_files import PACKED_FILE, packed_file
from tocsin.model.interactions.search import Search
from tocsin.storage.backup_leftovers import ID_FILTER
from tocsin.storage.retention import SETTLING

INTERACTION = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}


@folder_only
def test_a_damaged_part_is_named_everywhere_until_it_is_acknowledged(full: Path) -> None:
    cut_off(full, "2026-02")
    with capture_logs() as log, opened(full) as runtime:
        assert runtime.engine.rows() == 20
        ready = readiness(runtime)
        assert ready["status"] == "degraded"
        missing, *named = ready["problems"]
        assert all("broken-on-start_202602_" in each for each in named)
        assert "10 interactions that were recorded are missing (2026-02: 10)" in missing
        measured = metrics(runtime)
        assert all(each in overview(runtime) for each in ready["problems"])
    assert [part.rows for part in runtime.losses.parts] == [10]
    events = [line["event"] for line in log]
    assert events.count("part set aside") == len(named)
    assert events.count("interactions missing") == 1
    assert f'tocsin_problems{{kind="losses"}} {len(ready["problems"])}.0' in measured
    assert "tocsin_missing_interactions 10.0" in measured
    assert 'tocsin_engine_detached_part_rows{part="broken-on-start_202602_' in measured
    with opened(full) as runtime:
        assert readiness(runtime) == ready
    with opened(full, accept_loss=True) as runtime:
        assert readiness(runtime) == {"status": "ready"}
    with opened(full) as runtime:
        assert readiness(runtime) == {"status": "ready"}


@folder_only
def test_a_part_whose_folder_is_missing_is_detected(full: Path) -> None:
    for part in parts(full, "2026-01"):
        shutil.rmtree(part)
    with opened(full) as runtime:
        fill(runtime, "2026-01")
        (problem,) = readiness(runtime)["problems"]
    assert "10 interactions that were recorded are missing (2026-01: 10)" in problem
    with opened(full, accept_loss=True) as runtime:
        assert readiness(runtime) == {"status": "ready"}


@folder_only
def test_a_part_that_was_detached_for_another_reason_is_named(full: Path) -> None:
    part = parts(full, "2026-03")[0]
    name = f"covered-by-broken_{part.name}"
    (part.parent / "detached").mkdir(exist_ok=True)
    part.rename(part.parent / "detached" / name)
    os.truncate(part.parent / "detached" / name / PACKED_FILE, 20)
    with opened(full) as runtime:
        problems = readiness(runtime)["problems"]
        assert f'part="{name}",reason="covered-by-broken"}} NaN' in metrics(runtime)
    assert f"{name} (covered-by-broken)" in problems[1]
    assert "with an unknown number of interactions" in problems[1]


@folder_only
def test_however_many_parts_are_damaged_the_rest_is_served(full: Path) -> None:
    months = [f"{year}-{month:02}" for year in range(2000, 2010) for month in range(1, 13)]
    with opened(full) as runtime:
        for month in months:
            fill(runtime, month, 1)
    for month in months:
        cut_off(full, month)
    with opened(full) as runtime:
        assert runtime.engine.rows() == 30
        problems = readiness(runtime)["problems"]
    assert problems[0].startswith("120 interactions that were recorded are missing")
    assert problems[-1] == "20 more parts are set aside"
    assert len(problems) == 102


def test_months_that_expire_are_not_missing(full: Path) -> None:
    with opened(full, retention="1d") as runtime:
        rows = []
        for month, day in ((3, 1), (2, 10), (12, 1)):
            tend_with_trusted_clock(runtime, datetime(2026, month, day, tzinfo=UTC))
            rows.append(runtime.engine.rows())
        assert rows == [20, 20, 0]
    with opened(full) as runtime:
        assert readiness(runtime) == {"status": "ready"}


@folder_only
@pytest.mark.parametrize("damage", ["changed", "cut off"])
def test_a_query_that_reads_a_damaged_part_names_it(full: Path, damage: str) -> None:
    # Of its ids, the next start knows nothing then.
    (full / ID_FILTER).unlink()
    part = _damage(full, "2026-02", damage)
    message = f"The part {part.name} of the engine is damaged"
    with opened(full) as runtime:
        client = TestClient(create_app(runtime), headers={"x-api-key": ADMIN_KEY})
        repeat = {**INTERACTION, "interactionId": str(uuid4())}
        for refused in (
            client.get("/api/interactions"),
            client.post("/api/interactions", json=repeat),
        ):
            assert refused.status_code == 503
            assert message in refused.json()["detail"]
        assert client.post("/api/interactions", json=INTERACTION).status_code == 201
    part.rename(part.parent / "detached" / f"broken_{part.name}")
    with opened(full) as runtime:
        assert runtime.engine.rows() == 21
        problems = readiness(runtime)["problems"]
    assert f"broken_{part.name} (broken) with 10 interactions" in problems[1]


@folder_only
def test_only_repeats_are_refused_if_the_ids_of_a_damaged_part_are_in_the_file(full: Path) -> None:
    with opened(full) as runtime:
        page = runtime.history.page(Search(to=datetime(2026, 2, 2, tzinfo=UTC)), 1, None)
        recorded = UUID(bytes=page.interactions[0].interaction_id)
    _damage(full, "2026-02", "changed")
    with opened(full) as runtime:
        client = TestClient(create_app(runtime), headers={"x-api-key": ADMIN_KEY})
        assert runtime.engine.ids.learn()
        for id, status in ((recorded, 503), (uuid4(), 201)):
            sent = {**INTERACTION, "interactionId": str(id)}
            assert client.post("/api/interactions", json=sent).status_code == status
        assert runtime.engine.rows() == 31


def _damage(folder: Path, month: str, damage: str) -> Path:
    """The part of the month, the columns of which are changed or cut off."""
    part = parts(folder, month)[0]
    file = part / PACKED_FILE
    damaged, columns = bytearray(file.read_bytes()), packed_file(file, "data.bin")
    start = damaged.index(columns)
    if damage == "changed":
        for position in range(start, start + len(columns), 64):
            damaged[position] ^= 255
    else:
        del damaged[start + 10 :]
    file.write_bytes(damaged)
    return part


@servers_only
def test_a_month_that_another_program_drops_is_missing_until_it_is_acknowledged(full: Path) -> None:
    with opened(full) as runtime:
        runtime.maintenance.run(runtime.now(), SETTLING)
        drop_month(runtime.engine, 202602)
        runtime.maintenance.run(runtime.now(), SETTLING)
        problems = readiness(runtime)["problems"]
        assert "10 interactions that were recorded are missing (2026-02: 10)" in problems[0]
    with opened(full) as runtime:
        runtime.maintenance.run(runtime.now(), SETTLING)
        assert readiness(runtime)["problems"] == problems
    with opened(full, accept_loss=True) as runtime:
        runtime.maintenance.run(runtime.now(), SETTLING)
        assert readiness(runtime)["status"] == "ready"
