"""Recording and reading back, as "Interactions" in docs/reference/api.md has it."""

from __future__ import annotations

import gzip
import json
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
import zstandard
from fastapi.testclient import TestClient

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
NDJSON = {"content-type": "application/x-ndjson"}


def post(api: TestClient, **members: Any) -> Any:
    return api.post("/api/interactions", json={**NAMED, **members})


def fields(problem: Any) -> set[str]:
    return {error["field"] for error in problem.json()["errors"]}


@pytest.mark.parametrize(
    "payload",
    [
        '{ "a" :1.0,"b":1e2, "c": 1234567890123456789012345678901234567890 }',
        '{"escaped":"\\u00e9\\ud83d\\ude00\\/","plain":"é😀"}',
        '{"":{"":null},"a.b":{"c":[1,[2,{"d":-0.0}]]}}',
        "{}",
    ],
)
def test_a_payload_is_returned_byte_for_byte(api: TestClient, payload: str) -> None:
    body = json.dumps(NAMED)[:-1] + f',"interaction":{payload},"externalResponse":[1.50, {{}}]}}'
    answer = api.post("/api/interactions", content=body.encode())
    assert answer.status_code == 201
    again = api.get(f"/api/interactions/{answer.json()['interactionId']}")
    for text in (answer.text, again.text):
        assert f'"interaction":{payload}' in text
        assert '"externalResponse":[1.50, {}]' in text


def test_an_entry_is_named_by_mnemonic_by_id_or_by_both_if_they_agree(api: TestClient) -> None:
    first = post(api).json()
    by_id = {"resourceId": "2", **{k: first[k] for k in ("resourceTypeId", "actionId", "originId")}}
    assert api.post("/api/interactions", json=by_id).status_code == 201
    assert api.post("/api/interactions", json={**NAMED, **by_id}).status_code == 201
    other = post(api, action="OTHER").json()
    disagreeing = api.post("/api/interactions", json={**NAMED, "actionId": other["actionId"]})
    assert disagreeing.status_code == 422
    assert fields(disagreeing) == {"action"}
    unknown = post(api, actionId=str(uuid4()))
    assert fields(unknown) == {"actionId"}


def test_mnemonics_are_found_without_regard_to_case(api: TestClient) -> None:
    assert (
        post(api, action="Case-1").json()["actionId"]
        == post(api, action="cASE-1").json()["actionId"]
    )


def test_headers_fill_in_members_that_the_body_leaves_out(api: TestClient) -> None:
    headers = {
        "x-interaction-timestamp": "2026-03-20T16:30:00.1239+02:00",
        "x-uowid": "0190A1B2-0000-7000-8000-00000000000F",
        "x-userid": "ann",
    }
    from_headers = api.post("/api/interactions", json=NAMED, headers=headers).json()
    assert from_headers["timestamp"] == "2026-03-20T14:30:00.123Z"
    assert from_headers["uowId"] == "0190a1b2-0000-7000-8000-00000000000f"
    assert from_headers["userId"] == "ann"
    from_body = post(api, timestamp="2020-02-29T00:00:00Z", userId="bob").json()
    assert (from_body["timestamp"], from_body["userId"]) == ("2020-02-29T00:00:00.000Z", "bob")
    wrong = api.post("/api/interactions", json=NAMED, headers={"x-uowid": "1"})
    assert fields(wrong) == {"x-uowid"}


def units_of_work(api: TestClient, *bodies: dict[str, Any], **headers: str) -> list[str]:
    """Of the interactions of one batch, in their order."""
    resource_id = str(uuid4())
    batch = [{**NAMED, "resourceId": resource_id, **body} for body in bodies]
    answer = api.post("/api/interactions/batch", json=batch, headers=headers)
    assert answer.json()["accepted"] == len(bodies)
    page = api.get("/api/interactions", params={"resourceId": resource_id}).json()
    interactions = sorted(
        page["interactions"], key=lambda interaction: int(interaction["interactionNumber"])
    )
    return [interaction["uowId"] for interaction in interactions]


def test_a_request_is_a_unit_of_work_unless_another_is_given(api: TestClient) -> None:
    given, header = str(uuid4()), str(uuid4())
    first, second, last = units_of_work(api, {}, {"uowId": given}, {"action": "OTHER"})
    assert UUID(first).version == 4
    assert (second, last) == (given, first)
    assert units_of_work(api, {}, {}).count(first) == 0
    headed = units_of_work(api, {}, {"uowId": given}, {}, **{"x-uowid": header})
    assert headed == [header, given, header]
    assert post(api).json()["uowId"] != post(api).json()["uowId"]


@pytest.mark.parametrize(
    "timestamp",
    ["2026-03-20", "2026-03-20T14:30:00", "1969-12-31T23:59:59Z", "2300-01-01T00:00:00Z"],
)
def test_a_timestamp_without_offset_or_out_of_range_is_refused(
    api: TestClient, timestamp: str
) -> None:
    assert fields(post(api, timestamp=timestamp)) == {"timestamp"}


def test_all_problems_of_an_interaction_are_reported_together(api: TestClient) -> None:
    wrong = {"resourceId": "", "bogus": 1, "uowId": "x", "interaction": [], "userId": 7}
    answer = api.post("/api/interactions", json=wrong)
    assert answer.status_code == 422
    assert fields(answer) == {
        *("resourceId", "bogus", "uowId", "interaction", "userId"),
        *("resourceType", "action", "origin"),
    }


def test_the_same_id_is_recorded_once_by_any_route(api: TestClient) -> None:
    id = str(uuid4())
    first = post(api, interactionId=id, interaction={"n": 1})
    again = post(api, interactionId=id.upper(), interaction={"n": 1})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    new = str(uuid4())
    batch = [{**NAMED, "interactionId": each, "interaction": {"n": 1}} for each in (id, new, new)]
    answer = api.post("/api/interactions/batch", json=batch)
    assert answer.json() == {"accepted": 1, "duplicates": 2, "rejected": []}


def test_the_same_id_from_eight_concurrent_clients_is_recorded_once(api: TestClient) -> None:
    ids = [str(uuid4()) for _ in range(20)]
    accepted: list[int] = []

    def send() -> None:
        batch = [{**NAMED, "interactionId": id} for id in ids]
        accepted.append(api.post("/api/interactions/batch", json=batch).json()["accepted"])

    clients = [threading.Thread(target=send) for _ in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert sum(accepted) == len(ids)


def test_a_batch_may_be_compressed_and_each_interaction_is_independent(api: TestClient) -> None:
    lines = [json.dumps(NAMED), "", '{"resourceId":"x"}', "not json", json.dumps(NAMED), " "]
    body = "\n".join(lines).encode()
    for encoding, packed in (
        ("identity", body),
        ("gzip", gzip.compress(body)),
        ("zstd", zstandard.compress(body)),
    ):
        headers = {**NDJSON, "content-encoding": encoding}
        answer = api.post("/api/interactions/batch", content=packed, headers=headers)
        assert answer.status_code == 207
        outcome = answer.json()
        assert outcome["accepted"] == 2
        assert [rejection["index"] for rejection in outcome["rejected"]] == [1, 2]
        assert "action" in {error["field"] for error in outcome["rejected"][0]["errors"]}


def test_the_status_of_a_batch_tells_all_some_or_none_recorded(api: TestClient) -> None:
    def status(batch: Any) -> int:
        return api.post("/api/interactions/batch", json=batch).status_code

    assert status([NAMED]) == 201
    assert status([NAMED, {}]) == 207
    assert status([{}]) == 422
    assert status({}) == 422
    assert status([NAMED] * 10_001) == 413


def test_a_body_that_decompresses_too_large_or_not_at_all_is_rejected(api: TestClient) -> None:
    bomb = gzip.compress(b" " * (33 << 20))
    headers = {**NDJSON, "content-encoding": "gzip"}
    assert len(bomb) < 100_000
    assert api.post("/api/interactions/batch", content=bomb, headers=headers).status_code == 413
    cut = gzip.compress(json.dumps(NAMED).encode())[:-9]
    assert api.post("/api/interactions/batch", content=cut, headers=headers).status_code == 400
    other = {**NDJSON, "content-encoding": "br"}
    assert api.post("/api/interactions/batch", content=b"", headers=other).status_code == 415


def test_a_listing_has_each_interaction_once_newest_first(api: TestClient) -> None:
    stamps = [f"2020-01-01T00:00:{second:02d}.000Z" for second in (5, 1, 3, 3, 9)]
    sent = [post(api, resourceType="WALK", timestamp=stamp).json() for stamp in stamps]
    expected = sorted(sent, key=lambda i: (i["timestamp"], i["interactionNumber"]), reverse=True)
    listed, cursor = [], None
    while True:
        params: dict[str, Any] = {"resourceType": "walk", "limit": 2} | (
            {"cursor": cursor} if cursor else {}
        )
        page = api.get("/api/interactions", params=params).json()
        listed += page["interactions"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert listed == expected
    span = {"resourceType": "WALK", "from": stamps[1], "to": stamps[0]}
    between = api.get("/api/interactions", params=span).json()["interactions"]
    assert [i["timestamp"] for i in between] == [stamps[2], stamps[3], stamps[1]]


@pytest.mark.parametrize("member", ["resourceId", "userId", "uowId", "action", "origin"])
def test_a_listing_is_narrowed_by_each_member(api: TestClient, member: str) -> None:
    value = str(uuid4())
    interaction = post(api, **{member: value}).json()
    post(api)
    page = api.get("/api/interactions", params={member: value}).json()
    assert page["interactions"] == [interaction]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", "0"), ("limit", "1001"), ("limit", "x"), ("cursor", "x"), ("from", "now")),
        *(("uowId", "1"), ("action", "NO_SUCH"), ("resourceTypeId", "1")),
    ],
)
def test_a_wrong_parameter_of_a_listing_is_named(api: TestClient, name: str, value: str) -> None:
    answer = api.get("/api/interactions", params={name: value})
    assert answer.status_code == 422
    assert fields(answer) == {name}


def test_an_unknown_id_is_not_found(api: TestClient) -> None:
    assert api.get(f"/api/interactions/{uuid4()}").status_code == 404
    assert api.get("/api/interactions/nonsense").status_code == 404


@pytest.mark.parametrize("element", ["[[[]]]", '{"b":1}', "[0,0]"])
def test_a_large_interaction_does_not_block_others(api: TestClient, element: str) -> None:
    """The fixture fails if the event loop is blocked."""
    payload = f'{{"a":[{",".join([element] * (900_000 // (len(element) + 1)))}]}}'
    body = (
        f'{{"resourceType":"T","resourceId":"1","action":"A","origin":"O","interaction":{payload}}}'
    )
    assert api.post("/api/interactions", content=body).status_code == 201
