"""`externalResponse` is any JSON value, under the rules of payloads."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from support import nasty

BATCH = "/api/interactions/batch"
NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
VALUES = [
    *[
        "null",
        "true",
        "0",
        "-0.0",
        "1e308",
        '""',
        '"é😀\\ud83d\\ude00"',
        "[]",
        "{}",
        "[ 1.50, {} ]",
    ],
    *["[" * 64 + "]" * 64, "1" * 309, "0." + "1" * 5_000, "[1e-999]", '[{"a":1},{"a":1}]'],
    *[text for _, text in nasty.limit_payloads()],
]
BAD = [
    *[(name, text) for name, text in nasty.bad_payloads() if not name.startswith("no object")],
    *[(f"bare {text[:6]}", text) for text in ("1e999", "-1e999", "1" * 310, "9" * 5_000)],
    *[("a text that is no Unicode", r'"\ud800"'), ("such a text in a list", r'["\udc00x"]')],
    *[(f"{depth} levels of arrays", "[" * depth + "]" * depth) for depth in (65, 900, 10_000)],
    *[("a repeated key in a list", '[{"a":1,"a":2}]'), ("an object in it", '[[{"%2E":1}]]')],
    ("a number in it", "[[1e999]]"),
]


def sent(text: str, resource_id: str = "1", interaction: str = "{}") -> bytes:
    start = json.dumps({**NAMED, "resourceId": resource_id})[:-1]
    return f'{start},"externalResponse":{text},"interaction":{interaction}}}'.encode()


@pytest.mark.parametrize("text", VALUES)
def test_any_value_is_returned_byte_for_byte(api: TestClient, text: str) -> None:
    answer = api.post("/api/interactions", content=sent(text))
    assert answer.status_code == 201, answer.text
    again = api.get(f"/api/interactions/{answer.json()['interactionId']}")
    for shown in (answer.text, again.text):
        assert f'"externalResponse":{text},' in shown
    assert api.post(BATCH, content=b"[" + sent(text) + b"]").json()["accepted"] == 1


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_value_against_the_rules_is_refused_by_name_and_its_neighbours_are_stored(
    api: TestClient, name: str, text: str
) -> None:
    answer = api.post("/api/interactions", content=sent(text, name))
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["externalResponse"]
    good, bad = json.dumps(NAMED).encode(), sent(text, name)
    headers = {"content-type": "application/x-ndjson"}
    for batch in (
        api.post(BATCH, content=b"[" + good + b"," + bad + b"," + good + b"]"),
        api.post(BATCH, content=b"\n".join([good, bad, good]), headers=headers),
    ):
        assert (batch.status_code, batch.json()["accepted"]) == (207, 2), batch.text
        (rejection,) = batch.json()["rejected"]
        assert [error["field"] for error in rejection["errors"]] == ["externalResponse"]
    page = api.get("/api/interactions", params={"resourceId": name}).json()
    assert page["interactions"] == []


@pytest.mark.parametrize("depth", [65, 10_000])
def test_the_problems_of_both_members_are_reported(api: TestClient, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    answer = api.post("/api/interactions", content=sent(deep, interaction=deep))
    assert {error["field"] for error in answer.json()["errors"]} == {
        "externalResponse",
        "interaction",
    }


def test_an_unknown_member_that_is_nested_without_end_is_named(api: TestClient) -> None:
    start = json.dumps({**NAMED, "a": "]}", "b": {"c": [1, "}"]}})[:-1].encode()
    body = start + b',"bo\\u0067us":' + b"[" * 5_000 + b"]" * 5_000 + b', "resourceId":"2"}'
    answer = api.post("/api/interactions", content=body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"a", "b", "bogus"}


@pytest.mark.parametrize("end", ["", "]" * 5_000, "]" * 5_000 + "," + '\\"' * 500_000])
def test_an_unterminated_value_is_malformed(api: TestClient, end: str) -> None:
    body = '{"resourceId":"1","externalResponse":' + "[" * 5_000 + end + ',"'
    assert api.post("/api/interactions", content=body.encode()).status_code == 400
