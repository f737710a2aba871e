"""A byte order mark, as editors and shells of Windows write it, changes nothing."""

from __future__ import annotations

import gzip
import json
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

BATCH = "/api/interactions/batch"
METRICS = "/api/interaction-metrics"
MARK = b"\xef\xbb\xbf"
NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
LINE = json.dumps(NAMED).encode()


def send_lines(api: TestClient, body: bytes, **headers: str) -> Any:
    headers = {"content-type": "application/x-ndjson", **headers}
    return api.post(BATCH, content=body, headers=headers)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_may_begin_with_one(api: TestClient, end: bytes) -> None:
    """The first of a file has it, and so has the first of each file that was joined to it."""
    body = (
        MARK
        + LINE
        + end
        + LINE
        + end
        + MARK
        + LINE
        + end
        + MARK
        + end
        + end
        + MARK
        + b" "
        + end
        + b" "
        + MARK
        + LINE
    )
    answer = send_lines(api, body)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 4)


def test_it_is_dropped_after_unpacking(api: TestClient) -> None:
    packed = gzip.compress(MARK + LINE + b"\n") + gzip.compress(MARK + LINE + b"\n")
    answer = send_lines(api, packed, **{"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["accepted"]) == (201, 2)


def test_it_is_refused_where_it_is_not_at_the_beginning_of_a_line(api: TestClient) -> None:
    for bad in (MARK + MARK + LINE, LINE + MARK, LINE[:1] + MARK + LINE[1:]):
        answer = send_lines(api, LINE + b"\n" + bad)
        assert answer.status_code == 207
        assert [rejection["index"] for rejection in answer.json()["rejected"]] == [1]


def test_it_stays_where_it_is_part_of_a_text(api: TestClient) -> None:
    body = json.dumps({**NAMED, "userId": "\ufeffann"}, ensure_ascii=False).encode()
    assert api.post("/api/interactions", content=MARK + body).json()["userId"] == "\ufeffann"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/interactions", NAMED),
        (BATCH, [NAMED]),
        (METRICS, {"name": "Marked", "metricType": "COUNT"}),
        (f"{METRICS}/preview", {"name": "Marked", "metricType": "COUNT"}),
        ("/api/resource-types", {"mnemonic": f"M{uuid4().hex}", "title": "Marked"}),
        ("/api/keys", {"name": "marked", "role": "read"}),
    ],
)
def test_a_json_body_may_begin_with_one(api: TestClient, path: str, content: Any) -> None:
    body = json.dumps(content).encode()
    assert api.post(path, content=MARK + body).status_code in (200, 201)
    assert api.post(path, content=MARK).status_code == 400
    assert api.post(path, content=MARK * 2 + body).status_code == 400
    assert api.post(path, content=body.decode().encode("utf-16")).status_code == 400
