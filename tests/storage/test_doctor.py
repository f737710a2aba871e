"""`tocsin doctor` examines a data folder; that it examines servers is tested on servers."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from support.running import run_tocsin
from support.serving import ADMIN_KEY
from tocsin import __version__
from tocsin.api.app import create_app
from tocsin.config import Settings
from tocsin.model.alerts.evaluation import EvaluationResult
from tocsin.runtime import Runtime
from tocsin.storage.doctor import examine


def problems(folder: Path) -> list[str]:
    return [problem for each in examine(Settings(data_dir=folder)) for problem in each.problems]


def test_a_folder_that_does_not_exist_yet_is_no_problem(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert problems(folder) == []
    assert not folder.exists()


def test_an_open_folder_is_examined_while_it_is_used(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    states = {each.name: each.state for each in examine(Settings(data_dir=tmp_path))}
    runtime.close()
    assert "is in use by process" in states["data folder"]
    assert states["store"].startswith("folder id ")
    assert problems(tmp_path) == []


def test_a_missing_engine_is_a_problem_and_the_exit_code_is_1(tmp_path: Path) -> None:
    Runtime(Settings(data_dir=tmp_path)).close()
    shutil.rmtree(tmp_path / "engine")
    assert problems(tmp_path) == [
        "engine/ is missing, but store.sqlite belongs to a folder that had one"
    ]
    examined = run_tocsin("doctor", environment={"TOCSIN_DATA_DIR": str(tmp_path)})
    assert examined.returncode == 1
    assert "engine/ is missing" in examined.stdout


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a channel for emails, a disabled one, a long metric and a slow alert."""
    folder = tmp_path_factory.mktemp("used")
    runtime = Runtime(Settings(data_dir=folder, admin_key=SecretStr(ADMIN_KEY)))
    runtime.key_service.adopt(runtime.settings.admin_key)
    client = TestClient(create_app(runtime), headers={"x-api-key": ADMIN_KEY})
    channels = [
        client.post("/api/channels", json={"name": name, "kind": kind, "settings": settings})
        for name, kind, settings in (
            ("Inbox", "email", {"to": ["ada@example.com"]}),
            ("Chat", "apprise", {"url": "tgram://token/chat"}),
        )
    ]
    assert [answer.status_code for answer in channels] == [201, 201]
    runtime.channels.disable(UUID(channels[1].json()["channelId"]), "HTTP 410", runtime.now())
    metric = {"name": "All of a year", "metricType": "COUNT", "timeWindow": "400d"}
    alert = {
        "title": "Many",
        "metricId": client.post("/api/interaction-metrics", json=metric).json()["metricId"],
        "operator": "gt",
        "threshold": 1,
        "alertAction": "fired",
    }
    assert client.post("/api/interaction-alerts", json=alert).status_code == 201
    (stored,) = runtime.alerts.all()
    version = runtime.evaluations.stored_states([stored.alert_id])[stored.alert_id].version
    result = EvaluationResult(stored, runtime.now(), version, 2300.0, "The calculation is too long")
    assert runtime.evaluations.save([result], None)
    runtime.close()
    return folder


def problems_of(folder: Path, name: str, **settings: Any) -> list[str]:
    examinations = examine(Settings(data_dir=folder, **settings))
    return [problem for each in examinations if each.name == name for problem in each.problems]


def test_channels_that_cannot_send_are_problems_with_their_corrections(used: Path) -> None:
    assert problems_of(used, "channels") == [
        "The channel Inbox sends emails: set TOCSIN_SMTP_URL and TOCSIN_SMTP_FROM",
        "The channel Chat was disabled (HTTP 410): correct its target, then enable it",
    ]
    smtp = {"smtp_url": "smtp://mail.example", "smtp_from": "tocsin@example.com"}
    assert len(problems_of(used, "channels", **smtp)) == 1


def test_alerts_that_are_slow_or_fail_are_problems(used: Path) -> None:
    failing, slow = problems_of(used, "alerts")
    assert failing == "The alert Many cannot be evaluated: The calculation is too long"
    assert slow.startswith("An evaluation of the alert Many took 2.3 s: give its metric a time")


def test_a_window_that_is_longer_than_the_retention_is_a_problem(used: Path) -> None:
    assert problems_of(used, "retention") == []
    assert problems_of(used, "retention", retention="500d") == []
    assert problems_of(used, "retention", retention="90d") == [
        "The metric All of a year has the window 400d, longer than TOCSIN_RETENTION: shorten the "
        "window or keep interactions longer"
    ]


def test_a_folder_that_others_may_read_is_a_problem(used: Path) -> None:
    assert problems_of(used, "permissions") == []
    used.chmod(0o755)
    (problem,) = problems_of(used, "permissions")
    used.chmod(0o700)
    assert problem.endswith(f"run `chmod 0700 {used}`")


def test_a_clock_that_was_set_back_is_a_problem(used: Path) -> None:
    store = used / "store.sqlite"
    former = store.stat().st_mtime
    assert problems_of(used, "clock") == []
    os.utime(store, (former, time.time() + 3 * 3600))
    (problem,) = problems_of(used, "clock")
    os.utime(store, (former, former))
    assert problem.startswith("The clock is 3:00:00 behind the last change of the data folder")


def test_links_that_only_this_machine_can_open_are_a_problem(used: Path) -> None:
    assert problems_of(used, "links") == []
    local = {"base_url": "http://127.0.0.1:8420"}
    assert problems_of(used, "links", **local) == []
    (problem,) = problems_of(used, "links", **local, host="0.0.0.0")
    assert "set TOCSIN_BASE_URL" in problem


def test_versions_are_shown(used: Path) -> None:
    states = {each.name: each.state for each in examine(Settings(data_dir=used))}
    assert f"Tocsin {__version__}, Python 3." in states["versions"]
    assert "chdb " in states["versions"]


def test_a_store_of_another_version_is_not_surveyed_and_not_changed(
    used: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "data"
    copy.mkdir(mode=0o700)
    shutil.copy(used / "store.sqlite", copy)
    (copy / "engine").mkdir()
    with closing(sqlite3.connect(copy / "store.sqlite")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    states = {each.name: each for each in examine(Settings(data_dir=copy))}
    assert states["channels"].state.startswith("not examined")
    assert states["channels"].problems == ()
