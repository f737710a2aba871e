"""Bodies with a Content-Encoding: all of the content is recorded, or nothing and a 4xx."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from itertools import accumulate
from typing import Any
from uuid import uuid4

import pytest
import zstandard
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BATCH = "/api/interactions/batch"
METRICS = "/api/interaction-metrics"
NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
LIMIT = 32 << 20

Pack = Callable[[bytes], bytes]


def zstd_unsized(content: bytes) -> bytes:
    """As written by a sender that does not know the length, with a checksum at the end."""
    packing = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return packing.compress(content) + packing.flush()


def gzip_named(content: bytes) -> bytes:
    """With every optional part of a gzip header."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    flags = b"\x1e"
    head = b"\x1f\x8b\x08" + flags + b"\0\0\0\0\0\x03" + b"\x02\0ab" + b"name\0" + b"comment\0"
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    tail = struct.pack("<II", zlib.crc32(content), len(content))
    return head + packing.compress(content) + packing.flush() + tail


PACKS: dict[str, list[Pack]] = {
    "gzip": [gzip.compress, gzip_named, lambda content: gzip.compress(content, 0)],
    "zstd": [zstandard.compress, zstd_unsized],
}
CODINGS = list(PACKS)


def skippable(content: bytes) -> bytes:
    """A zstd frame that holds no data (RFC 8878, 3.1.2)."""
    return struct.pack("<II", 0x184D2A53, len(content)) + content


def lines(count: int, resource_id: str) -> bytes:
    line = json.dumps({**NAMED, "resourceId": resource_id}).encode()
    return b"".join(line + b"\n" for _ in range(count))


def send(api: TestClient, body: bytes, coding: str) -> Any:
    headers = {"content-type": "application/x-ndjson", "content-encoding": coding}
    return api.post(BATCH, content=body, headers=headers)


def recorded(api: TestClient, resource_id: str) -> int:
    page = api.get("/api/interactions", params={"resourceId": resource_id, "limit": 1000}).json()
    return len(page["interactions"])


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    coding=st.sampled_from(CODINGS),
    count=st.integers(1, 12),
    splits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 1)), max_size=8),
    cut=st.integers(0, 10_000),
)
def test_any_division_into_members_and_any_truncation_records_all_or_nothing_with_a_4xx(
    api: TestClient, coding: str, count: int, splits: list[tuple[int, int]], cut: int
) -> None:
    resource_id = str(uuid4())
    text = lines(count, resource_id)
    at = sorted(split % len(text) for split, _ in splits)
    parts = [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]
    packs = [PACKS[coding][pack] for _, pack in [*splits, (0, 0)]]
    members = [pack(part) for pack, part in zip(packs, parts, strict=True)]
    packed = b"".join(members)
    # A body that ends at the end of a member is complete, with less content.
    whole = set(accumulate(map(len, members)))
    end = cut % len(packed)
    if end not in whole:
        answer = send(api, packed[:end], coding)
        assert answer.status_code == 400, answer.text
        assert recorded(api, resource_id) == 0
    answer = send(api, packed, coding)
    assert (answer.status_code, answer.json()["accepted"]) == (201, count)
    assert recorded(api, resource_id) == count


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "junk",
    [
        b"\0",
        b"\0" * 5_000,
        b"x",
        b"\n",
        b"\x1f",
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"{}",
        b"\xff" * 9,
    ],
)
def test_junk_after_a_member_rejects_the_whole_body(
    api: TestClient, coding: str, junk: bytes
) -> None:
    resource_id = str(uuid4())
    answer = send(api, PACKS[coding][0](lines(3, resource_id)) + junk, coding)
    assert answer.status_code == 400
    assert answer.json()["title"] == "Malformed body"
    assert recorded(api, resource_id) == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_the_checksum_detects_a_flipped_byte(api: TestClient, coding: str) -> None:
    resource_id = str(uuid4())
    packed = bytearray(PACKS[coding][1](lines(50, resource_id)))
    packed[-2] ^= 0xFF
    answer = send(api, bytes(packed), coding)
    assert answer.status_code == 400
    assert recorded(api, resource_id) == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_an_empty_body_is_not_packed_and_packed_empty_content_is_an_empty_batch(
    api: TestClient, coding: str
) -> None:
    assert send(api, b"", coding).status_code == 400
    answer = send(api, PACKS[coding][0](b"") * 3, coding)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 0)


def test_skippable_frames_of_zstd_are_skipped(api: TestClient) -> None:
    text = lines(2, str(uuid4()))
    packed = skippable(b"head") + zstandard.compress(text) + skippable(b"") + zstd_unsized(text)
    assert send(api, packed, "zstd").json()["accepted"] == 4
    assert send(api, packed + skippable(b"tail")[:-1], "zstd").status_code == 400


@pytest.mark.parametrize("coding", CODINGS)
def test_no_line_of_a_truncated_body_is_recorded(api: TestClient, coding: str) -> None:
    resource_id = str(uuid4())
    packed = PACKS[coding][0](lines(3_000, resource_id))
    for end in (len(packed) // 2, len(packed) - 1):
        assert send(api, packed[:end], coding).status_code == 400
    assert recorded(api, resource_id) == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_unpacks_past_the_limit_is_rejected_however_it_is_divided(
    api: TestClient, coding: str
) -> None:
    pack = PACKS[coding][0]
    small = pack(b" " * (LIMIT // 16))
    assert send(api, small * 16, coding).status_code == 201
    assert send(api, small * 16 + pack(b" "), coding).status_code == 413
    # The rest is ignored, even if it is no member.
    assert send(api, pack(b" " * 3 * LIMIT) + b"junk", coding).status_code == 413


@pytest.mark.parametrize(
    ("coding", "status"),
    [
        *[
            (name, 201)
            for name in ("gzip", "GZIP", " x-gzip ", "gzip, identity", ",gzip", "Gzip\t")
        ],
        *[(name, 415) for name in ("br", "deflate", "gzip, gzip", "gzip;q=1", "compress", "*")],
    ],
)
def test_the_name_of_a_coding_is_read_by_the_rules_of_http(
    api: TestClient, coding: str, status: int
) -> None:
    answer = send(api, gzip.compress(lines(1, "1")), coding)
    assert answer.status_code == status, answer.text
    if status == 415:
        assert answer.headers["accept-encoding"] == "gzip, zstd, identity"


@pytest.mark.parametrize("coding", ["", "identity", "identity, identity"])
def test_identity_is_no_coding(api: TestClient, coding: str) -> None:
    assert send(api, lines(1, "1"), coding).json()["accepted"] == 1


def test_two_headers_form_one_list(api: TestClient) -> None:
    headers = [("content-encoding", "identity"), ("content-encoding", "gzip")]
    body = json.dumps([NAMED]).encode()
    assert api.post(BATCH, content=gzip.compress(body), headers=headers).status_code == 201
    assert api.post(BATCH, content=body, headers=headers).status_code == 400


DEFINITION = {"name": "Packed", "metricType": "COUNT"}
SINGLES: list[tuple[str, str, Any]] = [
    ("POST", "/api/interactions", NAMED),
    ("POST", METRICS, DEFINITION),
    ("POST", f"{METRICS}/preview", DEFINITION),
    ("POST", "/api/resource-types", {"mnemonic": "PACKED", "title": "Packed"}),
    ("POST", "/api/keys", {"name": "packed", "role": "read"}),
]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("method", "path", "content"), SINGLES)
def test_every_json_body_may_be_packed(
    api: TestClient, method: str, path: str, content: Any, coding: str
) -> None:
    headers = {"content-encoding": coding}

    def status(body: bytes) -> int:
        return api.request(method, path, content=body, headers=headers).status_code

    for pack in PACKS[coding]:
        body = json.dumps(fresh(content)).encode()
        packed = pack(body[:20]) + pack(body[20:])
        assert status(packed) in (200, 201)
        assert (status(packed[:-1]), status(body), status(b"")) == (400, 400, 400)
        assert status(pack(b" " * (3 << 20))) == 413
    other = api.request(method, path, content=body, headers={"content-encoding": "br"})
    assert other.status_code == 415


def fresh(content: dict[str, Any]) -> dict[str, Any]:
    """With a new name."""
    named = {"name", "mnemonic"} & content.keys()
    return content | {member: f"P{uuid4().hex}" for member in named}
