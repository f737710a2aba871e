"""Every quantity that a sender chooses has a limit, and rejecting what exceeds it costs little."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from support.installation import ONE, Installation
from tocsin.model.ceilings import BATCH_BYTES, MIB

NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(
        tmp_path_factory.mktemp("small") / "data",
        max_months=24,
        max_paths=500,
        max_catalog_entries=50,
        body_memory=BATCH_BYTES,
    )
    yield installation
    installation.runtime.close()


def test_a_batch_is_counted_before_its_elements_take_memory(small: Installation) -> None:
    bodies = {
        "zeros": b"[" + b"0," * (15 * MIB) + b"0]",
        "few zeros": b"[" + b"0," * 20_000 + b"0]",
        "objects": b"[" + b"{}," * (9 * MIB) + b"{}]",
        "escapes": b"[" + rb'"\\\"",' * MIB + b"0]",
    }
    for name, body in bodies.items():
        tracemalloc.start()
        answer = small.sender.post(
            "/api/interactions/batch",
            content=gzip.compress(body, 1),
            headers={"content-encoding": "gzip"},
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert answer.status_code == 413, name
        assert "at most 10,000 interactions" in answer.text
        assert peak < 250 * MIB, name


def test_lines_are_counted_while_they_are_split(small: Installation) -> None:
    for body in (b"0\n" * (15 * MIB), b"\n" * (15 * MIB) + b"0\n" * 10_001):
        answer = small.sender.post("/api/interactions/batch", content=body, headers=NDJSON)
        assert answer.status_code == 413
    blank = small.sender.post(
        "/api/interactions/batch",
        content=b" \n" * 30_000 + json.dumps(ONE).encode(),
        headers=NDJSON,
    )
    assert blank.json()["accepted"] == 1


def test_a_large_batch_of_dense_json_is_still_split_right(small: Installation) -> None:
    payload = {"list": [[1, "],[", 2]] * 60, "quote": 'a"b\\'}
    batch = [{**ONE, "interaction": payload} for _ in range(5_000)]
    answer = small.sender.post("/api/interactions/batch", json=batch)
    assert answer.json() == {"accepted": 5_000, "duplicates": 0, "rejected": []}


def test_bodies_that_find_no_room_are_503_and_small_ones_always_find_it(
    small: Installation,
) -> None:
    bodies = small.runtime.bodies
    bodies.change(bodies.limit)
    try:
        large = json.dumps([{**ONE, "interaction": {"t": "x" * 100_000}}]).encode()
        for headers, body in (
            ({}, large),
            ({"content-encoding": "gzip"}, gzip.compress(large)),
        ):
            answer = small.sender.post("/api/interactions/batch", content=body, headers=headers)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert "TOCSIN_BODY_MEMORY" in answer.text
        assert small.gauge("tocsin_body_bytes") == bodies.limit
        assert small.sender.post("/api/interactions", json=ONE).status_code == 201
    finally:
        bodies.change(-bodies.limit)
    assert small.sender.post("/api/interactions/batch", content=large).status_code == 201
    assert small.gauge("tocsin_body_bytes") == 0


def test_problems_are_listed_up_to_a_number(small: Installation) -> None:
    wrong = {**ONE, **{f"unknown{n}": n for n in range(300)}}
    response = small.sender.post("/api/interactions", json=wrong)
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 101
    assert response.json()["errors"][-1]["message"] == "and 200 more"
    batch = small.sender.post("/api/interactions/batch", json=[wrong] * 1_000)
    rejected = batch.json()["rejected"]
    assert [response["index"] for response in rejected] == list(range(1_000))
    assert sum(len(response["errors"]) for response in rejected) < 3_500
    assert rejected[-1]["errors"][1]["message"].endswith("more")


def test_timestamps_far_from_now_are_refused_by_name(small: Installation) -> None:
    for timestamp, name in (
        ("1970-01-15T00:00:00Z", "TOCSIN_OLDEST_DAYS"),
        ("2299-12-31T00:00:00Z", "TOCSIN_LATEST_DAYS"),
    ):
        sent = {**ONE, "timestamp": timestamp}
        response = small.sender.post("/api/interactions", json=sent)
        assert (response.status_code, name in response.text) == (422, True)
        headers = {"x-interaction-timestamp": timestamp}
        assert small.sender.post("/api/interactions", json=ONE, headers=headers).status_code == 422
        batch = small.sender.post("/api/interactions/batch", json=[sent, ONE])
        assert (batch.status_code, name in batch.text) == (207, True)
    late = small.sender.post("/api/interactions/batch?history=true", json=[sent])
    assert late.status_code == 422
    assert small.sender.post("/api/interactions/batch?import=true", json=[sent]).status_code == 403


def test_a_key_a_path_and_a_text_have_a_length(small: Installation) -> None:
    long = "k" * 257
    nested: dict[str, Any] = {"k" * 250: 1}
    for _ in range(4):
        nested = {"k" * 250: nested}
    for payload in (
        {long: 1},
        {"a": {long: 1}},
        {"a": [1, {long: 1}]},
        {"a": [[{"b": {long: 1}}]]},
    ):
        answer = small.sender.post("/api/interactions", json={**ONE, "interaction": payload})
        assert (answer.status_code, "256 characters" in answer.text) == (422, True)
    answer = small.sender.post("/api/interactions", json={**ONE, "interaction": nested})
    assert (answer.status_code, "1,024 characters" in answer.text) == (422, True)
    for name in ("userId", "externalReference"):
        taken = small.sender.post("/api/interactions", json={**ONE, name: "é" * 512})
        assert taken.status_code == 201
        answer = small.sender.post("/api/interactions", json={**ONE, name: "é" * 513})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [name]
    headers = {"x-userid": "u" * 513}
    assert small.sender.post("/api/interactions", json=ONE, headers=headers).status_code == 422
    fine = {"k" * 256: [{"k" * 256: 1}]}
    answer = small.sender.post("/api/interactions", json={**ONE, "interaction": fine})
    assert answer.status_code == 201


def test_ever_new_paths_are_refused_and_known_ones_are_not(small: Installation) -> None:
    def send(first: int) -> Any:
        payload = {f"path{n}": n for n in range(first, first + 100)}
        return small.sender.post("/api/interactions", json={**ONE, "interaction": payload})

    answers = [send(first) for first in range(0, 1_000, 100)]
    assert [answer.status_code for answer in answers].count(422) >= 5
    assert "TOCSIN_MAX_PATHS" in answers[-1].text
    assert send(0).status_code == 201
    assert small.gauge("tocsin_paths") <= 500
    before = small.gauge("tocsin_paths")
    small.runtime.engine.load_field_types()
    assert small.gauge("tocsin_paths") == before


def test_entries_that_make_themselves_fill_a_ceiling_and_an_admin_may_add_more(
    small: Installation,
) -> None:
    rows = [{**ONE, "action": f"action-{n}"} for n in range(200)]
    answer = small.sender.post("/api/interactions/batch", json=rows).json()
    assert 0 < answer["accepted"] < 50
    assert "the catalog is full" in answer["rejected"][0]["errors"][0]["message"]
    assert small.gauge('tocsin_catalog_entries{kind="action"}') == 50
    response = small.sender.post("/api/interactions", json={**ONE, "action": "another"})
    assert (response.status_code, "TOCSIN_MAX_CATALOG_ENTRIES" in response.text) == (422, True)
    added = small.admin.post("/api/actions", json={"mnemonic": "another", "title": "Another"})
    assert added.status_code == 201
    response = small.sender.post("/api/interactions", json={**ONE, "action": "another"})
    assert response.status_code == 201


def test_the_catalog_is_listed_by_pages(small: Installation) -> None:
    every = [entry["mnemonic"] for entry in small.admin.get("/api/actions").json()]
    path: str | None = "/api/actions?limit=7"
    listed: list[str] = []
    while path:
        answer = small.admin.get(path)
        listed += [entry["mnemonic"] for entry in answer.json()]
        assert len(answer.json()) <= 7
        path = answer.links["next"]["url"] if answer.links else None
    assert listed == every == sorted(every, key=str.lower)
