"""The interactions that writers of crash tests send, and send again with the same ids."""

from __future__ import annotations

import json
from uuid import UUID

import httpx2 as httpx


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
            "interaction": {"n": number, "text": "x" * (UUID(id).int % 200)},
        }
        for number, id in enumerate(ids)
    ]
    if len(items) == 1:
        return client.post(f"{url}/api/interactions", json=items[0])
    content = "\n".join(map(json.dumps, items))
    headers = {"content-type": "application/x-ndjson"}
    return client.post(f"{url}/api/interactions/batch", content=content, headers=headers)
