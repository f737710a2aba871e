"""An erasure goes on after a crash, and is applied again to a backup that is older than it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.deployments import folder_only, settings_in
from support.erasing import PATH, count_of, files_with, order, post, until_done
from support.serving import ADMIN_KEY, Server
from tocsin.api.app import create_app
from tocsin.errors import InvalidSettings
from tocsin.runtime import Runtime
from tocsin.storage.backup_archive import unpack
from tocsin.storage.restoring import restore

pytestmark = folder_only

USER, OTHER = f"ada-{uuid4().hex}@example.org", "bob@example.org"
KILLED_AFTER_SECONDS = (0.05, 0.4, 1.5)
IDS = [str(uuid4()) for _ in range(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("killed") / "data"
    opened = Server(folder)
    opened.start()
    yield opened
    opened.kill()


@pytest.fixture(scope="module")
def backup(server: Server) -> Path:
    """A backup of 300 interactions of a user in three months, and of as many others."""
    with server.client() as client:
        for start in range(0, 300, 100):
            at = f"2026-0{start // 100 + 1}-05T10:00:00Z"
            batch = [order(USER, interactionId=id, timestamp=at) for id in IDS[start : start + 100]]
            post(client, "/api/interactions/batch", [*batch, *[order(OTHER, timestamp=at)] * 100])
        archive = client.get("/api/backup")
    to = server.folder.parent / "backup"
    unpack(iter([archive.content]), to)
    return to


def test_an_erasure_that_is_killed_goes_on_and_ends(server: Server, backup: Path) -> None:
    assert backup.exists()
    with server.client() as client:
        begun = post(client, PATH, {"userId": USER})
    for seconds in KILLED_AFTER_SECONDS:
        time.sleep(seconds)
        server.kill()
        server.start()
    with server.client() as client:
        done = until_done(client, begun["erasureId"])
        assert done["erased"]["interactions"] == 300
        assert count_of(client) == {OTHER: 300}
        assert files_with(server.folder, USER) == []
        ready = client.get("/readyz").json()
        assert ready["status"] == "ready", ready
        again = [order(USER, interactionId=id) for id in IDS]
        answer = post(client, "/api/interactions/batch", [*again, order(USER)])
        assert (answer["accepted"], answer["duplicates"]) == (1, 300)


def test_a_restored_backup_is_erased_again_before_it_answers(
    server: Server, backup: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "restored"
    restore(backup, folder, ledger=server.folder / "erasures.json")
    assert files_with(folder, USER)
    runtime = Runtime(settings_in(folder, admin_key=ADMIN_KEY))
    try:
        runtime.key_service.adopt(runtime.settings.admin_key)
        with TestClient(create_app(runtime), headers={"x-api-key": ADMIN_KEY}) as client:
            assert count_of(client) == {OTHER: 300}
            (erasure,) = client.get(PATH).json()
            assert until_done(client, erasure["erasureId"])["erased"]["interactions"] == 300
            assert files_with(folder, USER) == []
            again = [order(USER, interactionId=IDS[0]), order(USER)]
            answer = post(client, "/api/interactions/batch", again)
            assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    finally:
        runtime.close()


def test_a_ledger_of_another_installation_is_refused(
    server: Server, backup: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.json"
    text = (server.folder / "erasures.json").read_text()
    ledger.write_text(text.replace('"key":"', '"key":"x'))
    with pytest.raises(InvalidSettings, match="another installation"):
        restore(backup, tmp_path / "other", ledger=ledger)
    ledger.write_text("{}")
    with pytest.raises(InvalidSettings, match="no ledger"):
        restore(backup, tmp_path / "none", ledger=ledger)
