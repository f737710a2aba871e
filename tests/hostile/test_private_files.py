"""Only the owner may read the files in the data folder."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployments import folder_only
from support.serving import Server

pytestmark = folder_only

SENT = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    created = Server(tmp_path / "below" / "data")
    (tmp_path / "below").mkdir()
    yield created
    if created.process and created.process.poll() is None:
        created.stop()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_data_folder_and_every_file_in_it_are_for_their_owner_only(server: Server) -> None:
    server.start(wrapper=("sh", "-c", 'umask 022; exec "$@"', "sh"))
    with server.client() as client:
        assert client.post("/api/interactions", json=SENT).status_code == 201
        client.post("/api/keys", json={"name": "n", "role": "read"})
    server.stop()
    assert mode(server.folder) == 0o700
    files = [path for path in server.folder.rglob("*") if not path.is_symlink()]
    assert len(files) > 10
    assert [path for path in files if mode(path) & 0o077] == []
    assert "data folder open to others" not in server.log


def test_a_wider_folder_that_is_there_stays_and_is_warned_about(server: Server) -> None:
    server.folder.mkdir(mode=0o755)
    server.folder.chmod(0o755)
    server.start()
    server.stop()
    assert mode(server.folder) == 0o755
    assert "data folder open to others" in server.log
    assert '"mode": "0755"' in server.log
