"""Backups under load: complete, or refused; the server and the command are killed in between."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from support.crashing import Writer
from support.deployments import folder_only
from support.running import environment_with, run_tocsin
from support.serving import Server
from tocsin.storage.backup_manifest import InvalidBackup
from tocsin.storage.restoring import restore, verify

pytestmark = folder_only

CLIENTS = 4


def back_up_through_crashes(folder: Path, rounds: int, seed: int) -> None:
    """Kill the server while it is backed up, then make a whole backup under the same load."""
    random = Random(seed)
    server = Server(folder)
    server.start()
    writers = [Writer(server, seed * 100 + number) for number in range(CLIENTS)]
    for number in range(rounds):
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.2, 0.6))
        before = set().union(*(writer.acknowledged for writer in writers))
        whole = folder.parent / f"whole {number}"
        done = run_tocsin("backup", whole, environment=_environment(server))
        assert done.returncode == 0, done.stderr

        cut_off = folder.parent / f"cut off {number}"
        command = [sys.executable, "-m", "tocsin.cli", "backup", str(cut_off)]
        with subprocess.Popen(command, env=environment_with(_environment(server))) as process:
            while not cut_off.exists():
                assert process.poll() is None
            time.sleep(random.uniform(0, 0.05))
            server.kill()
        if process.returncode:
            with pytest.raises(InvalidBackup, match="no complete backup"):
                restore(cut_off, folder.parent / "never")
        else:
            verify(cut_off)
        for writer in writers:
            writer.join(timeout=30)
        _check_restored(whole, before, set().union(*(writer.sent for writer in writers)))
        server.start()
        writers = [writer.again() for writer in writers]
    assert server.stop() == 0


def _environment(server: Server) -> dict[str, str]:
    return {"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key}


def _check_restored(backup: Path, acknowledged: set[str], sent: set[str]) -> None:
    """All that was acknowledged before the backup is in it, and nothing that nobody sent."""
    restored = Server(backup.with_name(f"{backup.name} restored"))
    restore(backup, restored.folder)
    restored.start()
    ids = restored.stored_ids("CRASH")
    assert restored.stop() == 0
    assert len(ids) == len(set(ids))
    assert acknowledged <= set(ids) <= sent


def test_backups_under_load_are_whole_or_refused_when_the_server_is_killed(tmp_path: Path) -> None:
    back_up_through_crashes(tmp_path / "data", rounds=1, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_many_backups_under_load_are_whole_or_refused(seed: int, tmp_path: Path) -> None:
    back_up_through_crashes(tmp_path / "data", rounds=8, seed=seed)
