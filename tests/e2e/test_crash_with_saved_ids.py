"""Kill the server while a file has only some of its ids, or is being written: repeats are recorded
once."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from e2e.test_crash_while_learning import (
    CLIENTS,
    NEVER,
    Repeater,
    record,
    resend,
    slow_program,
    unlearnt,
)
from support.deployments import folder_only
from support.serving import Server

pytestmark = folder_only
PATIENCE = 120  # seconds


def wait_until_learnt(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE
    while unlearnt(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_while_saving(server: Server, half: Path) -> bool:
    """SIGTERM when all ids are learnt, and SIGKILL while the file is written; whether it is so."""
    wait_until_learnt(server)
    assert server.process
    server.process.send_signal(signal.SIGTERM)
    while not half.exists():
        assert server.process.poll() is None, "it has not written the file"
        time.sleep(0.005)
    time.sleep(0.3)
    server.kill()
    return half.exists()


def crash_with_saved_ids(folder: Path, rows: int, rounds: int, block: int, seed: int) -> None:
    random = Random(seed)
    server = Server(folder, program=slow_program(block))
    server.start()
    known = record(server, rows)
    assert server.stop(PATIENCE) == 0
    assert (folder / "id-filter").exists()
    halves = stale = repeated = 0
    for number in range(rounds):
        # In every other round, the file is also written while others record.
        server.program = slow_program(block, NEVER if number % 2 == 0 else rows // 10)
        server.start()
        # The file lacks these.
        known |= record(server, rows // 4)
        server.kill()
        server.start()
        threads = [Repeater(server, known, random.randrange(1 << 30)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.5, 1.5))
        stale += bool(unlearnt(server))
        if number % 2 == 0:
            halves += kill_while_saving(server, folder / "id-filter.new")
        else:
            time.sleep(random.uniform(0, 3))
            server.kill()
        for thread in threads:
            thread.join(timeout=PATIENCE)
            assert not thread.is_alive()
            assert thread.surprises == []
        repeated += sum(thread.repeated for thread in threads)
        server.start()
        known.update(resend(server, threads))
        wait_until_learnt(server)
        assert server.stop(PATIENCE) == 0
    server.start()
    assert Counter(server.stored_ids("CRASH")) == Counter(known)
    assert repeated > rounds * 100
    # While something was unlearnt, and while a file was written.
    assert stale
    assert halves
    assert server.log.count("id filter file used") > rounds
    assert server.stop(PATIENCE) == 0


@pytest.mark.timeout(900)
def test_killed_beside_a_file_of_its_ids_it_records_repeats_once(tmp_path: Path) -> None:
    crash_with_saved_ids(tmp_path / "data", rows=2_000, rounds=2, block=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_again_and_again_beside_a_file_it_records_repeats_once(
    seed: int, tmp_path: Path
) -> None:
    crash_with_saved_ids(tmp_path / "data", rows=60_000, rounds=10, block=40, seed=seed)
