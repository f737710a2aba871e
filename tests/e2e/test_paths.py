"""A data folder, and a folder for temporary files, may have any path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.serving import Server

ODD = "é 100%20 + & = ' \" # ? \\ ; [b]"
# The odd name has spaces, too.
PLAIN = pytest.param("my project", "my data", marks=pytest.mark.long)
UNIT_TEST = """
metrics:
  - {name: All, metricType: COUNT}
tests:
  - name: counts
    interactions:
      - {at: 1m, resourceType: T, resourceId: "1", action: A, origin: O}
    expect:
      - {metric: All, at: 2m, value: 1}
"""


def used(server: Server) -> int:
    """Start, record one interaction, return the number of interactions, stop."""
    server.start()
    body = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
    with server.client() as client:
        assert client.post("/api/interactions", json=body).status_code == 201
        answer = client.post("/api/interaction-metrics/preview", json={"metricType": "COUNT"})
        assert client.get("/readyz").json()["status"] == "ready"
    server.stop(60)
    return int(answer.json()["results"][0]["value"])


@pytest.mark.parametrize(
    ("current", "name"),
    [PLAIN, (ODD, ODD), ("*", "x" * 250), ("{a,b}", os.fsdecode(b"caf\xe9"))],
)
def test_a_data_folder_and_the_current_folder_with_files_may_have_any_name(
    current: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / current / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / current)
    Path("interactions").write_text('{"a": 1}')
    server = Server(Path(name) / "data")
    assert [used(server), used(server)] == [1, 2]
    names = sorted(path.name for path in server.folder.iterdir())
    assert names == ["engine", "id-filter", "store.sqlite", "tocsin.lock"]


def test_a_data_folder_may_be_relative_a_symlink_and_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real?").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real?")
    monkeypatch.chdir(tmp_path)
    assert used(Server(Path("link"))) == 1
    (tmp_path / "real?").rename(tmp_path / "moved")
    assert used(Server(tmp_path / "moved")) == 2


def run(*arguments: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    temporary.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "tocsin.cli", *arguments],
        env={**os.environ, "TMPDIR": str(temporary), "TOCSIN_ALLOW_PRIVATE_TARGETS": "true"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_unit_tests_run_in_any_folder_for_temporary_files(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(UNIT_TEST)
    ended = run("test", str(tmp_path / "all.yaml"), temporary=tmp_path / ODD)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "1 tests, all passed." in ended.stdout


def test_a_path_that_the_store_cannot_open_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path.joinpath("x" * 200, "y" * 200, "z" * 200)
    ended = run("serve", "--port", "0", "--data-dir", str(folder), temporary=tmp_path / "t")
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("tocsin: ")
    assert "SQLite opens paths of up to 504" in last
    assert "Traceback" not in ended.stderr
