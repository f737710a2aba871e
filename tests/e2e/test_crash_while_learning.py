"""Kill the server while it learns the ids that are recorded: repeats are recorded once."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx2 as httpx
import pytest

from support.crashing import send_ids
from support.serving import Server

CLIENTS = 4
SLOWLY = """
import time
from tocsin.cli import main
from tocsin.clickhouse import id_filter_file, recorded_ids
from tocsin.clickhouse.bloom_filter import IdFilter

def learn(self, ids, learn=IdFilter.learn):
    time.sleep(0.01)
    learn(self, ids)

def pieces(*args, pieces=id_filter_file._pieces):
    for piece in pieces(*args):
        time.sleep(0.05)
        yield piece

recorded_ids.BLOCK_IDS = {block}
recorded_ids.MANY_UNSAVED = {many}
IdFilter.learn = learn
id_filter_file._PIECE_BYTES = 16_384
id_filter_file._pieces = pieces
main()
"""
NEVER = 1 << 40


class Repeater(threading.Thread):
    """Sends recorded ids again, and new ids twice, until the server dies."""

    def __init__(self, server: Server, known: set[str], seed: int) -> None:
        super().__init__(daemon=True)
        self.repeated = 0
        self.new: set[str] = set()
        self.surprises: list[object] = []
        self._server = server
        self._known = sorted(known)
        self._random = Random(seed)

    def run(self) -> None:
        with self._server.client() as client:
            while True:
                self._known.extend(new := [str(uuid4()) for _ in range(self._size())])
                self.new.update(new)
                try:
                    answers = [send_ids(client, new)]
                    repeats = self._random.sample(self._known[: -len(new)], self._size() * 5)
                    answers += [send_ids(client, each) for each in (new, repeats)]
                except httpx.HTTPError:
                    return
                expected = [0, len(new), len(repeats)]
                actual = [duplicates_in(each) for each in answers]
                if actual != expected:
                    self.surprises.append((actual, expected))
                self.repeated += len(new) + len(repeats)

    def _size(self) -> int:
        return self._random.choice((1, 1, 20, 100))


def slow_program(block: int, many: int = NEVER) -> Sequence[str]:
    """A server that learns a hundred blocks a second, and takes seconds to write the file of the
    filter: before a stop, if at least `many` ids are not in it."""
    return sys.executable, "-c", SLOWLY.format(block=block, many=many)


def duplicates_in(answer: httpx.Response) -> int:
    content = answer.json()
    if "interactionId" in content:
        return int(answer.status_code == 200)
    assert answer.is_success, answer.text
    return int(content["duplicates"])


def unlearnt(server: Server) -> int:
    with server.client() as client:
        lines = client.get("/metrics").text.splitlines()
    (line,) = (line for line in lines if line.startswith("tocsin_ids_unlearnt "))
    return int(float(line.split()[1]))


def resend(server: Server, repeaters: Sequence[Repeater]) -> list[str]:
    """The new ids of the repeaters, after sending them again."""
    new = sorted(set().union(*(thread.new for thread in repeaters)))
    with server.client() as client:
        for start in range(0, len(new), 1_000):
            send_ids(client, new[start : start + 1_000])
        assert duplicates_in(send_ids(client, new[:1_000])) == len(new[:1_000])
    return new


def record(server: Server, count: int) -> set[str]:
    """New ids, recorded."""
    ids = [str(uuid4()) for _ in range(count)]
    with server.client() as client:
        for start in range(0, count, 1_000):
            assert duplicates_in(send_ids(client, ids[start : start + 1_000])) == 0
    return set(ids)


def crash_while_learning(folder: Path, rows: int, rounds: int, block: int, seed: int) -> None:
    random = Random(seed)
    server = Server(folder, program=slow_program(block))
    server.start()
    known = record(server, rows)
    repeated = 0
    for _ in range(rounds):
        server.kill()
        server.start()
        assert unlearnt(server) >= rows
        threads = [Repeater(server, known, random.randrange(1 << 30)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.5, 1.5))
        assert unlearnt(server) >= rows
        server.kill()
        for thread in threads:
            thread.join(timeout=30)
            assert not thread.is_alive()
            assert thread.surprises == []
        repeated += sum(thread.repeated for thread in threads)
        # Those without an answer are sent again, with the same ids, to the next process.
        server.start()
        known.update(resend(server, threads))
    stored = Counter(server.stored_ids("CRASH"))
    assert stored == Counter(known)
    assert repeated > rounds * 100
    assert server.stop() == 0


def test_killed_while_it_learns_ids_it_records_repeats_once(tmp_path: Path) -> None:
    crash_while_learning(tmp_path / "data", rows=2_000, rounds=1, block=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_again_and_again_it_still_records_repeats_once(seed: int, tmp_path: Path) -> None:
    crash_while_learning(tmp_path / "data", rows=60_000, rounds=10, block=40, seed=seed)
