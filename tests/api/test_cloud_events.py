"""`POST /api/cloudevents`: events in every mode of the HTTP binding are recorded as interactions.

The public package `cloudevents` builds the requests, so that its reading of the specification
checks ours.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.v1.event import CloudEvent
from fastapi.testclient import TestClient

from tocsin.runtime import Runtime

PATH = "/api/cloudevents"
EVENT = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
MODES = [to_structured_event, to_binary_event]
DATA = {"amount": 12.5, "currency": "EUR"}


def attributes(**more: Any) -> dict[str, Any]:
    common = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": "/shop",
        "type": "com.example.order.placed",
        "subject": "order-1",
        "resourcetype": "ORDER",
    }
    return {name: value for name, value in {**common, **more}.items() if value is not None}


def send(api: TestClient, message: HTTPMessage, query: str = "") -> Any:
    return api.post(PATH + query, content=bytes(message.body), headers=message.headers)


def problems(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def send_json(api: TestClient, event: dict[str, Any], query: str = "") -> Any:
    return api.post(PATH + query, content=json.dumps(event), headers=EVENT)


@pytest.mark.parametrize("mode", MODES)
def test_an_event_of_the_public_package_is_recorded_once(api: TestClient, mode: Any) -> None:
    at = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    extra = {"time": at, "datacontenttype": "application/json", "authid": "ann", "tenant": "t"}
    event = CloudEvent(attributes=attributes(**extra), data=DATA)
    answer = send(api, mode(event))
    assert answer.status_code == 201, answer.text
    recorded = answer.json()
    assert (recorded["resourceType"], recorded["resourceId"]) == ("ORDER", "order-1")
    assert (recorded["action"], recorded["origin"]) == ("com.example.order.placed", "/shop")
    assert recorded["timestamp"] == at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert (recorded["interaction"], recorded["userId"]) == (DATA, "ann")
    assert recorded["externalReference"] == event.get_id()
    again = send(api, mode(event))
    assert (again.status_code, again.json()) == (200, recorded)


def test_an_event_is_the_same_in_both_modes(api: TestClient) -> None:
    event = CloudEvent(attributes(datacontenttype="application/json"), DATA)
    first, second = (send(api, mode(event)) for mode in MODES)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["interactionId"] == second.json()["interactionId"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("subject", ["Euro € 😀", 'a "b" \\c', "100%", "%41", "a b"])
def test_a_text_of_any_characters_arrives_unchanged(
    api: TestClient, mode: Any, subject: str
) -> None:
    event = CloudEvent(attributes(subject=subject, datacontenttype="application/json"), DATA)
    answer = send(api, mode(event))
    assert answer.json()["resourceId"] == subject


@pytest.mark.parametrize(
    ("encoded", "subject"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b'"a \\"b\\" c"', 'a "b" c'),
        (b"%2541", "%41"),
        ("é".encode(), "é"),
    ],
)
def test_header_values_are_unquoted_and_percent_decoded_once(
    api: TestClient, encoded: bytes, subject: str
) -> None:
    headers = {f"ce-{name}".encode(): value.encode() for name, value in attributes().items()}
    answer = api.post(PATH, json=DATA, headers={**headers, b"ce-subject": encoded})
    assert answer.json()["resourceId"] == subject


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("media_type", "data", "payload"),
    [
        ("application/json", None, {}),
        ("application/json", 7, {"data": 7}),
        ("application/vnd.shop+json; charset=utf-8", DATA, DATA),
        ("text/plain", "é", {"data": "é"}),
        (
            "application/octet-stream",
            b"\x00\xff",
            {"data_base64": base64.b64encode(b"\x00\xff").decode()},
        ),
    ],
)
def test_data_of_every_type_becomes_the_payload(
    api: TestClient, mode: Any, media_type: str, data: Any, payload: Any
) -> None:
    event = CloudEvent(attributes(datacontenttype=media_type), data)
    assert send(api, mode(event)).json()["interaction"] == payload


def test_an_array_is_a_member_of_the_payload(api: TestClient) -> None:
    headers = {f"ce-{name}": value for name, value in attributes().items()}
    in_body = api.post(PATH, json=[1, "a"], headers=headers)
    in_event = send_json(api, attributes(data=[1, "a"]))
    for answer in (in_body, in_event):
        assert answer.json()["interaction"] == {"data": [1, "a"]}


def test_the_bytes_of_data_are_stored_as_sent(api: TestClient) -> None:
    text = '{"total": 1.50,  "id":12345678901234567890}'
    event = json.dumps(attributes())[:-1] + f', "data": {text}}}'
    assert text in api.post(PATH, content=event, headers=EVENT).text


def test_json_data_in_base64_is_decoded(api: TestClient) -> None:
    encoded = base64.b64encode(b' {"a": 1}').decode()
    assert send_json(api, attributes(data_base64=encoded)).json()["interaction"] == {"a": 1}
    for wrong in ("%", base64.b64encode(b'{"a"').decode(), 1):
        assert set(problems(send_json(api, attributes(data_base64=wrong)))) == {"data_base64"}
    assert "data_base64" in problems(send_json(api, attributes(data=1, data_base64=encoded)))


def test_a_character_that_no_mnemonic_has_becomes_an_underscore(api: TestClient) -> None:
    event = attributes(source="https://e.com/a?b=c", type="order placed", subject=None)
    recorded = send_json(api, event).json()
    assert (recorded["origin"], recorded["action"]) == ("https://e.com/a_b_c", "order_placed")
    assert recorded["resourceId"] == "https://e.com/a?b=c"


def test_query_parameters_replace_attributes(api: TestClient) -> None:
    event = attributes(source="https://e.com/" + "x" * 100, type="t" * 100)
    assert set(problems(send_json(api, event))) == {"source", "type"}
    answer = send_json(api, event, "?resourceType=R&action=A&origin=O")
    recorded = answer.json()
    assert [recorded[name] for name in ("resourceType", "action", "origin")] == ["R", "A", "O"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": None}, "specversion"),
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"id": "i" * 513}, "id"),
        ({"source": None}, "source"),
        ({"source": "a b"}, "source"),
        ({"source": "METRIC_EVAL"}, "source"),
        ({"type": 7}, "type"),
        ({"subject": ""}, "subject"),
        ({"subject": "s" * 513}, "subject"),
        ({"time": "yesterday"}, "time"),
        ({"time": "1999-01-01T00:00:00Z"}, "time"),
        ({"resourcetype": None}, "resourcetype"),
        ({"resourceType": "ORDER"}, "resourceType"),
        ({"authid": "u" * 513}, "authid"),
        ({"data": {"a\u0000": [[1]], "b": 10**400}}, "data"),
        ({"data": {"lone": "\ud800"}}, "data"),
    ],
)
def test_a_wrong_event_names_its_attribute(
    api: TestClient, change: dict[str, Any], named: str
) -> None:
    assert set(problems(send_json(api, attributes(**change)))) == {named}


def test_the_other_events_of_a_batch_are_recorded(api: TestClient) -> None:
    good, deep = attributes(data=DATA), json.dumps(attributes())[:-1]
    deep += ', "data": {"a": ' + "[" * 5000 + "]" * 5000 + "}}"
    events = [
        good,
        attributes(id=None),
        7,
        attributes(time="never"),
        attributes(data={"lone": "\ud800"}),
        attributes(),
    ]
    body = f"{json.dumps(events)[:-1]},{deep}]"
    answer = api.post(PATH, content=body, headers=BATCH)
    assert answer.status_code == 207
    result = answer.json()
    assert (result["accepted"], result["duplicates"]) == (2, 0)
    rejected = {each["index"]: each["errors"][0]["field"] for each in result["rejected"]}
    assert rejected == {1: "id", 2: "", 3: "time", 4: "data", 6: "data"}
    again = api.post(PATH, content=json.dumps([good]), headers=BATCH)
    assert (again.status_code, again.json()["duplicates"]) == (201, 1)
    none = api.post(PATH, content=json.dumps([{}]), headers=BATCH)
    assert (none.status_code, none.json()["accepted"]) == (422, 0)


def test_an_event_with_other_content_is_a_conflict(api: TestClient) -> None:
    event = attributes(data={"a": 1})
    assert send_json(api, event).status_code == 201
    assert send_json(api, {**event, "arrivaltime": "now", "traceparent": "x"}).status_code == 200
    assert send_json(api, {**event, "data": {"a": 2}}).status_code == 409
    answer = api.post(PATH, content=json.dumps([{**event, "data": {}}]), headers=BATCH)
    assert answer.json()["rejected"][0]["errors"][0]["field"] == "id"


def test_every_rejected_event_is_counted(api: TestClient, runtime: Runtime) -> None:
    before = runtime.recorder.rejected
    send_json(api, attributes(id=None))
    send_json(api, attributes(time="never"))
    events = [attributes(), attributes(id=None), attributes(time="never")]
    api.post(PATH, content=json.dumps(events), headers=BATCH)
    assert runtime.recorder.rejected == before + 4


def test_a_request_without_an_event_explains_the_modes(api: TestClient) -> None:
    assert "application/cloudevents+json" in problems(api.post(PATH, json={}))["specversion"]
    xml = {"content-type": "application/cloudevents+xml"}
    assert api.post(PATH, content=b"<a/>", headers=xml).status_code == 415
    assert api.post(PATH, content=b"{", headers=EVENT).status_code == 400
    assert api.post(PATH, content=b"[", headers=BATCH).status_code == 400
    assert set(problems(api.post(PATH, content=b"[]", headers=EVENT))) == {""}


def test_wrong_headers_are_named(api: TestClient) -> None:
    headers = [(f"ce-{name}", value) for name, value in attributes(subject="%ff").items()]
    headers += [("ce-id", "again"), ("ce-datacontenttype", "a/b")]
    named = problems(api.post(PATH, json=DATA, headers=headers))
    assert set(named) == {"subject", "id", "datacontenttype"}
    good = {f"ce-{name}": value for name, value in attributes().items()}
    json_type = {"content-type": "application/json"}
    assert api.post(PATH, content=b"{", headers={**good, **json_type}).status_code == 400
    deep = b"[" * 100_000
    assert set(problems(api.post(PATH, content=deep, headers={**good, **json_type}))) == {"data"}
