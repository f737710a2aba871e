"""A store that another process holds locked delays only what has to be written to it."""

from __future__ import annotations

import sqlite3
import threading

from support.serving import Server

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}


def test_recording_goes_on_while_a_new_mnemonic_waits_for_the_store(server: Server) -> None:
    answered: list[int] = []

    def record_new() -> None:
        with server.client() as client:
            new = {**NAMED, "action": "new-while-locked"}
            answered.append(client.post("/api/interactions", json=new).status_code)

    with server.client() as client:
        assert client.post("/api/interactions", json=NAMED).status_code == 201
        held = sqlite3.connect(server.folder / "store.sqlite", isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        try:
            waiting = threading.Thread(target=record_new)
            waiting.start()
            for _ in range(20):
                assert client.post("/api/interactions", json=NAMED).status_code == 201
                assert client.get("/healthz").status_code == 200
            assert answered == []
        finally:
            held.execute("ROLLBACK")
            held.close()
        waiting.join()
        assert answered == [201]
