"""Redaction at the door over HTTP: "Redaction" in docs/reference/semantics.md."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import html
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.deployments import IS_ON_SERVERS
from tocsin.runtime import Runtime
from tocsin.store.redaction_key import redaction_key

RULES = [
    {"field": "interaction.email", "with": "hmac"},
    {"field": "interaction.card.number", "with": "drop"},
    {"field": "interaction.contacts.phone", "with": "hmac"},
    {"field": r"interaction.a\.b", "with": "drop"},
]
EMAIL, CARD, PHONE = "ada@example.org", "4111111111111111", "0049123456"
SENT = {
    "email": EMAIL,
    "card": {"number": CARD, "brand": "V"},
    "contacts": [{"phone": PHONE, "kind": "work"}, {"kind": "none"}, 7],
    "a.b": "dotted",
    "total": 1.50,
}


@pytest.fixture
def digest(runtime: Runtime) -> Any:
    key = redaction_key(runtime.key_values)
    return lambda text: "hmac:" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def resource_type(api: TestClient) -> str:
    """The mnemonic of a new type with RULES."""
    mnemonic = f"R-{uuid4().hex[:12]}"
    body = {"mnemonic": mnemonic, "title": "t", "redact": RULES}
    created = api.post("/api/resource-types", json=body)
    assert created.status_code == 201
    assert created.json()["redact"] == RULES
    return mnemonic


def interaction(resource_type: str, payload: Any = SENT, **members: Any) -> dict[str, Any]:
    scope = {"resourceType": resource_type, "resourceId": "1", "action": "A", "origin": "O"}
    return {**scope, "interaction": payload, **members}


def stored(api: TestClient, resource_type: str) -> list[Any]:
    rows = api.get("/api/interactions", params={"resourceType": resource_type}).json()
    return [row["interaction"] for row in rows["interactions"]]


def expected(digest: Any) -> dict[str, Any]:
    contacts = [{"phone": digest(PHONE), "kind": "work"}, {"kind": "none"}, 7]
    return {
        "email": digest(EMAIL),
        "card": {"brand": "V"},
        "contacts": contacts,
        "total": 1.5,
    }


def event(resource_type: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        **{"id": str(uuid4()), "source": "shop", "type": "paid", "subject": "1"},
        "resourcetype": resource_type,
        "data": SENT,
    }


def test_every_door_redacts(api: TestClient, resource_type: str, digest: Any) -> None:
    single = api.post("/api/interactions", json=interaction(resource_type))
    assert single.status_code == 201
    assert single.json()["interaction"] == expected(digest)

    batch = [interaction(resource_type), interaction(resource_type, {"other": 1})]
    assert api.post("/api/interactions/batch", json=batch).json()["accepted"] == 2
    lines = "\n".join(map(json.dumps, batch[:1])).encode()
    headers = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
    packed = api.post("/api/interactions/batch", content=gzip.compress(lines), headers=headers)
    assert packed.json()["accepted"] == 1
    imported = api.post("/api/interactions/batch?import=true", json=batch[:1])
    assert imported.json()["accepted"] == 1
    cloud = api.post(
        "/api/cloudevents",
        content=json.dumps(event(resource_type)),
        headers={"content-type": "application/cloudevents+json"},
    )
    assert cloud.status_code == 201, cloud.text
    rows = stored(api, resource_type)
    assert {"other": 1} in rows
    assert [row for row in rows if row != {"other": 1}] == [expected(digest)] * 5


@pytest.mark.skipif(IS_ON_SERVERS, reason="the files are those of the servers")
def test_no_file_holds_what_was_dropped(
    api: TestClient, runtime: Runtime, resource_type: str
) -> None:
    secret = uuid4().hex
    payload = {"email": secret, "card": {"number": secret}}
    api.post("/api/interactions", json=interaction(resource_type, payload))
    folder = runtime.settings.data_dir
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_values_that_are_not_redacted_keep_their_bytes(api: TestClient, resource_type: str) -> None:
    raw = b'{"n": 1.50, "big": 12345678901234567890123, "email": null, "u": "\\u00e9"}'
    body = json.dumps(interaction(resource_type, "@")).encode().replace(b'"@"', raw)
    answer = api.post("/api/interactions", content=body)
    assert raw in answer.content

    raw = raw.replace(b"null", b'"x"')
    body = json.dumps(interaction(resource_type, "@")).encode().replace(b'"@"', raw)
    answer = api.post("/api/interactions", content=body)
    assert b'{"n":1.50,"big":12345678901234567890123,"email":"hmac:' in answer.content


def test_equal_texts_have_one_hmac_and_objects_and_arrays_have_theirs(
    api: TestClient, resource_type: str, digest: Any
) -> None:
    sent = [12, "12", True, "true", 1.0, ["a", None, ["a"]], {"b": 1, "a": "x"}, None, ""]
    for value in sent:
        api.post("/api/interactions", json=interaction(resource_type, {"email": value}))
    twelve, yes, a = digest("12"), digest("true"), digest("a")
    whole = digest('{"a":"x","b":1}')
    assert [row["email"] for row in reversed(stored(api, resource_type))] == [
        *(twelve, twelve, yes, yes, digest("1"), [a, None, [a]], whole, None, digest(""))
    ]


def test_redacted_values_are_counted_and_grouped(
    api: TestClient, resource_type: str, digest: Any
) -> None:
    for email in ("a@x", "a@x", "b@x"):
        api.post("/api/interactions", json=interaction(resource_type, {"email": email}))
    metric = {
        "metricType": "COUNT",
        "resourceType": resource_type,
        "groupBy": ["interaction.email"],
    }
    rows = api.post("/api/interaction-metrics/preview", json=metric).json()["results"]
    assert {row["dimensions"]["interaction_email"]: row["value"] for row in rows} == {
        digest("a@x"): 2,
        digest("b@x"): 1,
    }


def test_a_repeat_with_the_same_content_is_a_duplicate_and_another_content_a_conflict(
    api: TestClient, resource_type: str
) -> None:
    sent = interaction(resource_type, interactionId=str(uuid4()))
    assert api.post("/api/interactions", json=sent).status_code == 201
    assert api.post("/api/interactions", json=sent).status_code == 200
    assert api.post("/api/interactions/batch", json=[sent, sent]).json()["duplicates"] == 2
    other = {**sent, "interaction": {**SENT, "email": "another@example.org"}}
    assert api.post("/api/interactions", json=other).status_code == 409


def test_a_repeat_of_an_interaction_that_was_recorded_before_the_redaction_is_a_duplicate(
    api: TestClient,
) -> None:
    mnemonic = f"R-{uuid4().hex[:12]}"
    sent = interaction(mnemonic, interactionId=str(uuid4()))
    assert api.post("/api/interactions", json=sent).status_code == 201
    types = api.get("/api/resource-types").json()
    (id,) = (each["resourceTypeId"] for each in types if each["mnemonic"] == mnemonic)
    changed = api.patch(f"/api/resource-types/{id}", json={"redact": RULES})
    assert changed.json()["redact"] == RULES
    assert api.post("/api/interactions", json=sent).status_code == 200
    batch = [sent, {**sent, "interaction": {**SENT, "total": 2}}]
    answer = api.post("/api/interactions/batch", json=batch).json()
    assert (answer["duplicates"], len(answer["rejected"])) == (1, 1)
    assert stored(api, mnemonic) == [SENT]

    for kept, rules in (({"redact": []}, None), ({"redact": RULES[:1]}, RULES[:1])):
        assert api.patch(f"/api/resource-types/{id}", json=kept).json().get("redact") == rules
    removed = api.patch(f"/api/resource-types/{id}", json={"redact": None}).json()
    assert "redact" not in removed


def test_an_import_of_an_export_is_a_duplicate(api: TestClient, resource_type: str) -> None:
    api.post("/api/interactions", json=interaction(resource_type))
    exported = api.get("/api/interactions/export", params={"resourceType": resource_type})
    headers = {"content-type": "application/x-ndjson"}
    again = api.post(
        "/api/interactions/batch?import=true", content=exported.content, headers=headers
    )
    assert again.json() == {"accepted": 0, "duplicates": 1, "rejected": []}


def test_discovery_shows_the_redacted_fields(api: TestClient, resource_type: str) -> None:
    api.post("/api/interactions", json=interaction(resource_type, {"email": "a", "free": 1}))
    reports = api.get(
        "/api/interaction-metrics/fields/discover",
        params={"resourceType": resource_type, "detail": "true"},
    ).json()
    assert {each["field"]: each.get("redact") for each in reports} == {
        "interaction.email": "hmac",
        "interaction.free": None,
    }


@pytest.mark.parametrize(
    ("redact", "wrong"),
    [
        ([{"field": "userId", "with": "hmac"}], {"redact[0].field"}),
        ([{"field": "interaction.", "with": "hmac"}], {"redact[0].field"}),
        ([{"field": "interaction.a", "with": "md5"}], {"redact[0].with"}),
        ([{"field": "interaction.a"}], {"redact[0].with"}),
        ([{"field": "interaction.a", "with": "drop", "x": 1}], {"redact[0].x"}),
        ([{"field": "interaction.a", "with": "drop"}] * 2, {"redact"}),
        (
            [
                {"field": "interaction.a", "with": "drop"},
                {"field": "interaction.a-b", "with": "drop"},
                {"field": "interaction.a.b", "with": "hmac"},
            ],
            {"redact"},
        ),
        ([{"field": f"interaction.a{n}", "with": "drop"} for n in range(51)], {"redact"}),
        ("interaction.a", {"redact"}),
    ],
)
def test_a_wrong_redaction_is_422(api: TestClient, redact: Any, wrong: set[str]) -> None:
    body = {"mnemonic": uuid4().hex, "title": "t", "redact": redact}
    refused = api.post("/api/resource-types", json=body)
    assert refused.status_code == 422
    assert {problem["field"] for problem in refused.json()["errors"]} == wrong


def test_only_resource_types_redact(api: TestClient) -> None:
    body = {"mnemonic": uuid4().hex, "title": "t", "redact": RULES}
    for path in ("/api/actions", "/api/origins"):
        refused = api.post(path, json=body)
        assert [problem["field"] for problem in refused.json()["errors"]] == ["redact"]


def test_the_form_of_a_resource_type_has_its_redactions(
    api: TestClient, site: Callable[[], TestClient], resource_type: str
) -> None:
    pages = site()
    (entry,) = (e for e in api.get("/api/resource-types").json() if e["mnemonic"] == resource_type)
    path = f"/web/catalog/resourceType/{entry['resourceTypeId']}"
    lines = "\n".join(f"{rule['field']}={rule['with']}" for rule in RULES)
    assert lines in html.unescape(pages.get(path).text)
    assert "interaction.email hmac" in pages.get("/web/catalog").text

    form = {"mnemonic": resource_type, "title": "t", "redact": "interaction.x = drop\r\n"}
    assert pages.post(path, data=form, follow_redirects=False).status_code == 303
    api_path = f"/api/resource-types/{entry['resourceTypeId']}"
    assert api.get(api_path).json()["redact"] == [{"field": "interaction.x", "with": "drop"}]
    wrong = pages.post(path, data={**form, "redact": "interaction.x=hide\nuserId=drop"})
    assert wrong.status_code == 422
    assert "must be" in wrong.text
    assert "interaction.x=hide" in wrong.text
    assert pages.post(path, data={**form, "redact": ""}, follow_redirects=False).status_code == 303
    assert "redact" not in api.get(api_path).json()
