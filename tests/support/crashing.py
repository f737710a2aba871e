"""The interactions that writers of crash tests send, and send again with the same ids."""

from __future__ import annotations

import json
import threading
from random import Random
from uuid import UUID, uuid4

import httpx2 as httpx

from support.serving import Server


def number_of(id: str) -> int:
    """The number in the payload of the interaction with this id."""
    return UUID(id).int % 200


def send_ids(client: httpx.Client, ids: list[str], url: str = "") -> httpx.Response:
    """The response to interactions with these ids: a single one, or a batch of NDJSON."""
    items = [
        {
            "interactionId": id,
            "resourceType": "CRASH",
            "resourceId": id,
            "action": "WROTE",
            "origin": "TEST",
            # The same content each time: a repeat with other content would be rejected.
            "interaction": {"n": number_of(id), "text": "x" * number_of(id)},
        }
        for id in ids
    ]
    # In the same form alone and in a batch: the payloads of repeats are compared byte by byte.
    content = "\n".join(map(json.dumps, items))
    if len(items) == 1:
        headers = {"content-type": "application/json"}
        return client.post(f"{url}/api/interactions", content=content, headers=headers)
    headers = {"content-type": "application/x-ndjson"}
    return client.post(f"{url}/api/interactions/batch", content=content, headers=headers)


class Writer(threading.Thread):
    """Records batches and single interactions until the server dies; what got no answer is sent
    again, with the same ids, to the next one."""

    def __init__(self, server: Server, seed: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self._server = server
        self._random = Random(seed)
        self._unanswered: list[str] = []

    def run(self) -> None:
        with self._server.client() as client:
            while True:
                ids = self._unanswered or [str(uuid4()) for _ in range(self._size())]
                self.sent.update(ids)
                try:
                    answer = send_ids(client, ids)
                except httpx.HTTPError:
                    self._unanswered = ids
                    return
                if answer.is_success:
                    self.acknowledged.update(ids)
                    self._unanswered = []
                else:
                    assert answer.status_code == 503, answer.text

    def again(self) -> Writer:
        """A new thread that goes on where this one ended."""
        heir = Writer(self._server, self._random.randrange(1 << 30))
        heir.acknowledged, heir.sent = self.acknowledged, self.sent
        heir._unanswered = self._unanswered
        return heir

    def _size(self) -> int:
        return self._random.choice((1, 1, 1, 20, 200))
