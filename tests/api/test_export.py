"""An export of one installation is recorded by another without changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import msgspec
import pytest
import zstandard
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.serving import Server
from tocsin.ingestion import export
from tocsin.model.interactions.search import Search

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
NDJSON = {"content-type": "application/x-ndjson"}
PLAIN = {"accept-encoding": "identity"}
EXPORT = "/api/interactions/export"
BATCH = "/api/interactions/batch"
IMPORT = f"{BATCH}?import=true"
IDS_OF_AN_INSTALLATION = ("resourceTypeId", "actionId", "originId", "interactionNumber")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Another installation, with a catalog of its own."""
    server = Server(tmp_path_factory.mktemp("elsewhere") / "data")
    # Two engines start concurrently.
    server.start(patience=120)
    with server.client() as client:
        yield client
    server.stop()


def exported(api: httpx.Client, **filters: str) -> bytes:
    answer = api.get(EXPORT, params=filters, headers=PLAIN)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return answer.content


def members(text: bytes) -> dict[str, bytes]:
    """The members of each interaction, without those that an installation assigns."""
    decoded = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    kept = {name: bytes(value) for name, value in decoded.items()}
    return {name: raw for name, raw in kept.items() if name not in IDS_OF_AN_INSTALLATION}


def all_members(lines: bytes) -> list[dict[str, bytes]]:
    return [members(line) for line in lines.split(b"\n")[:-1]]


def fields(answer: Any, index: int = 0) -> set[str]:
    return {error["field"] for error in answer.json()["rejected"][index]["errors"]}


BLANKS = st.sampled_from(["", " ", "\n", "\r\n", "\t", "\n  "])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a b", "\n", "\r", "\u2028", "é😀", '"', "\\", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b c", "é", "a.b", "@k"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def spelled(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> str:
    """A value as JSON, with blanks and line ends between its parts."""
    text = json.dumps(draw(values), ensure_ascii=draw(st.booleans()))
    blank = draw(BLANKS)
    if draw(st.booleans()) and text[0] in "{[" and len(text) > 2:
        return f"{text[0]}{blank}{text[1:-1]}{draw(BLANKS)}{text[-1]}"
    return text


OBJECTS = st.dictionaries(st.sampled_from(["a", "n", "nested"]), VALUES, max_size=3)
INTERACTIONS = st.fixed_dictionaries(
    {
        "resourceId": st.sampled_from(["1", "é\n", "x" * 512]),
        "action": st.sampled_from(["A", "B", "login"]),
        "origin": st.sampled_from(["WEB", "app"]),
        "timestamp": st.sampled_from(
            ["1970-01-01T00:00:00Z", "2020-02-29T23:59:59.999Z", "2020-02-29T23:59:59.998Z"]
        ),
    },
    optional={
        "interaction": spelled(OBJECTS),
        "externalResponse": spelled(VALUES),
        "externalReference": st.sampled_from(["", "ref\n1"]),
        "uowId": st.uuids().map(str),
        "userId": st.sampled_from(["", "ann"]),
    },
)


@settings(
    max_examples=25,
    deadline=None,
    database=None,
    # An example takes an append here and one elsewhere: to shrink it takes minutes.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(INTERACTIONS, min_size=1, max_size=6))
def test_importing_an_export_gives_the_same_interactions(
    api: TestClient, elsewhere: httpx.Client, sent: list[dict[str, str]]
) -> None:
    kind = f"K{uuid4()}"
    for interaction in sent:
        raw = {
            name: interaction[name]
            for name in ("interaction", "externalResponse")
            if name in interaction
        }
        texts = {name: text for name, text in interaction.items() if name not in raw}
        # Hypothesis seeds the source that the service makes ids from.
        given = {"resourceType": kind, "interactionId": str(uuid4())}
        parts = [json.dumps({**texts, **given})[1:-1]]
        parts += [f'"{name}":{text}' for name, text in raw.items()]
        line = f"[{{{','.join(parts)}}}]".encode()
        recorded = api.post("/api/interactions/batch?history=true", content=line)
        assert recorded.status_code == 201, recorded.text
    lines = exported(api, resourceType=kind)
    count = lines.count(b"\n")
    first = elsewhere.post(IMPORT, content=lines, headers=NDJSON)
    assert first.json() == {"accepted": count, "duplicates": 0, "rejected": []}
    again = elsewhere.post(IMPORT, content=lines, headers=NDJSON)
    assert again.json() == {"accepted": 0, "duplicates": count, "rejected": []}
    carried = exported(elsewhere, resourceType=kind)
    assert all_members(carried) == all_members(lines)
    for line in lines.split(b"\n")[:-1]:
        id = json.loads(line)["interactionId"]
        here, there = (c.get(f"/api/interactions/{id}").content for c in (api, elsewhere))
        assert members(here) == members(there)


def test_line_ends_of_a_payload_are_carried_and_the_line_can_be_read_without_them(
    api: TestClient, elsewhere: httpx.Client
) -> None:
    payload = '{\r\n  "a": "\\n",\n  "b": [ 1,\n 2 ]\n}'
    body = json.dumps({**NAMED, "resourceType": "PRETTY"})[:-1] + f',"interaction":{payload}}}'
    id = api.post("/api/interactions", content=body.encode()).json()["interactionId"]
    lines = exported(api, resourceType="PRETTY")
    assert lines.count(b"\n") == 1
    assert b"\r" not in lines
    assert json.loads(lines)["interaction"] == {"a": "\n", "b": [1, 2]}
    assert elsewhere.post(IMPORT, content=lines, headers=NDJSON).status_code == 201
    assert f'"interaction":{payload}' in elsewhere.get(f"/api/interactions/{id}").text


@pytest.mark.parametrize(
    "verbatim",
    [
        {"interaction": "{},{}"},
        {"interaction": '{"a":2}'},
        {"interaction": '{"a":\n1}'},
        {"interaction": '{"t":"x\ny"}'},
        {"interaction": 1},
        {"colour": "red"},
        {"externalResponse": "\n"},
    ],
)
def test_verbatim_texts_must_be_the_json_beside_them(api: TestClient, verbatim: Any) -> None:
    interaction = {**NAMED, "interaction": {"t": "x y"}, "verbatim": verbatim}
    answer = api.post(IMPORT, json=[interaction])
    assert answer.status_code == 422
    assert {field.partition(".")[0] for field in fields(answer)} == {"verbatim"}


def test_an_export_is_in_the_order_of_time_and_follows_the_filters_of_the_list(
    api: TestClient,
) -> None:
    stamps = [f"2020-01-01T00:00:{second:02d}.000Z" for second in (5, 1, 3, 3, 9)]
    user = str(uuid4())
    sent = [
        api.post(
            "/api/interactions",
            json={**NAMED, "resourceType": "ORDERED", "timestamp": stamp, "userId": user},
        ).json()
        for stamp in stamps
    ]
    expected = sorted(sent, key=lambda i: (i["timestamp"], i["interactionNumber"]))
    for filters in ({"resourceType": "ordered"}, {"userId": user}):
        assert [json.loads(line) for line in exported(api, **filters).splitlines()] == expected
    span = {"userId": user, "from": stamps[2], "to": stamps[0]}
    assert [json.loads(line) for line in exported(api, **span).splitlines()] == expected[1:3]
    assert exported(api, userId=str(uuid4())) == b""
    for name, value in (("action", "NO_SUCH"), ("limit", "5"), ("cursor", "x"), ("from", "now")):
        refused = api.get(EXPORT, params={name: value})
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == [name]


def test_many_interactions_of_very_different_sizes_are_exported_once_each(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "KEYS", 70)
    monkeypatch.setattr(export, "BLOCK_BYTES", 40_000)
    user = str(uuid4())
    sent = [
        {
            **NAMED,
            "userId": user,
            "resourceId": str(n),
            "action": f"A{n % 7}",
            "timestamp": f"2020-01-0{1 + n % 3}T00:00:00.00{n % 2}Z",
            "interaction": {"text": "x" * (50_000 if n % 50 == 0 else n % 40)},
        }
        for n in range(400)
    ]
    assert api.post(BATCH, json=sent).json()["accepted"] == 400
    exported_interactions = [json.loads(line) for line in exported(api, userId=user).splitlines()]
    assert sorted(int(interaction["resourceId"]) for interaction in exported_interactions) == list(
        range(400)
    )
    keys = [
        (interaction["timestamp"], interaction["interactionNumber"])
        for interaction in exported_interactions
    ]
    assert keys == sorted(keys)


def test_rows_that_are_larger_than_expected_are_read_by_fewer(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BLOCK_BYTES", 2**40)
    user = str(uuid4())
    for _ in range(3):
        sent = [
            {**NAMED, "userId": user, "interaction": {"text": "x" * 1_000_000}} for _ in range(30)
        ]
        assert api.post(BATCH, json=sent).json()["accepted"] == 30
    with api.stream("GET", EXPORT, params={"userId": user}, headers=PLAIN) as answer:
        assert sum(chunk.count(b"\n") for chunk in answer.iter_bytes()) == 90


def test_an_export_is_compressed_with_zstd_if_the_client_accepts_it(api: TestClient) -> None:
    interactions = [{**NAMED, "resourceType": "PACKED", "resourceId": str(n)} for n in range(3_000)]
    assert api.post(BATCH, json=interactions).status_code == 201
    plain = exported(api, resourceType="PACKED")
    for accepted, is_packed in {
        "gzip, zstd": True,
        "ZSTD;q=0.5": True,
        "zstd;q=0": False,
        "zstd;q=0.000, *": False,
        "gzip": False,
        "": False,
    }.items():
        headers = {"accept-encoding": accepted}
        filters = {"resourceType": "PACKED"}
        with api.stream("GET", EXPORT, params=filters, headers=headers) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["vary"] == "Accept-Encoding"
        assert (answer.headers.get("content-encoding") == "zstd") is is_packed, accepted
        if is_packed:
            raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        assert raw == plain


def test_an_export_holds_the_interactions_recorded_before_its_start(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "KEYS", 50)
    user, stop = str(uuid4()), threading.Event()

    def sent(count: int, stamp: str) -> None:
        interactions = [{**NAMED, "userId": user, "timestamp": stamp} for _ in range(count)]
        assert api.post(BATCH, json=interactions).json()["accepted"] == count

    sent(500, "2020-01-01T00:00:00Z")
    opened = api.app.state.runtime  # type: ignore[attr-defined]
    search = Search(user_id=user)
    blocks = export.Export(opened.engine, opened.catalog, search).blocks()
    count_of_rows = len(next(blocks))

    def keep_recording() -> None:
        while not stop.is_set():
            sent(100, "2020-01-01T00:00:00Z")
            sent(100, "2019-01-01T00:00:00Z")

    recording = threading.Thread(target=keep_recording)
    recording.start()
    try:
        count_of_rows += sum(map(len, blocks))
    finally:
        stop.set()
        recording.join()
    assert count_of_rows == 500


def test_the_mnemonic_is_used_if_an_id_is_unknown(api: TestClient, elsewhere: httpx.Client) -> None:
    here = api.post("/api/interactions", json={**NAMED, "action": "carried"}).json()
    assert elsewhere.post(IMPORT, json=[here]).json()["accepted"] == 1
    there = elsewhere.get(f"/api/interactions/{here['interactionId']}").json()
    for kind in ("resourceType", "action", "origin"):
        assert there[kind].lower() == here[kind].lower()
        assert there[f"{kind}Id"] != here[f"{kind}Id"]
    known = {**here, "interactionId": None, "action": "T"}
    assert fields(api.post(IMPORT, json=[known])) == {"action"}
    for wrong in ({"action": None}, {"actionId": "1"}):
        answer = elsewhere.post(IMPORT, json=[{**here, "interactionId": None, **wrong}])
        assert fields(answer) == {"actionId"}


def test_members_of_imports_are_rejected_elsewhere_with_a_hint(api: TestClient) -> None:
    here = api.post("/api/interactions", json=NAMED).json()
    for body in (here, {**NAMED, "verbatim": {}}):
        refused = api.post(BATCH, json=[body])
        assert refused.status_code == 422
        (error,) = refused.json()["rejected"][0]["errors"]
        assert error["field"] in ("interactionNumber", "verbatim")
        assert "?import=true" in error["message"]
    answer = api.post(IMPORT, json=[{**NAMED, "interactionNumber": "1"}])
    assert fields(answer) == {"interactionNumber"}
    assert api.post(BATCH + "?import=false", json=[here]).status_code == 422
    assert api.post(BATCH + "?import=perhaps", json=[NAMED]).status_code == 422


def test_importing_requires_an_admin_key_and_exporting_a_read_key(
    api: TestClient, keys: dict[str, str]
) -> None:
    for role, key in keys.items():
        headers = {"x-api-key": key}
        imported = api.post(IMPORT, json=[NAMED], headers=headers)
        assert imported.status_code == (201 if role == "admin" else 403)
        read = api.get(EXPORT, params={"userId": "nobody"}, headers=headers)
        assert read.status_code == (403 if role == "ingest" else 200)


def test_missing_members_of_an_import_stay_missing(api: TestClient) -> None:
    id = str(uuid4())
    interaction = {**NAMED, "interactionId": id, "uowId": None, "userId": None}
    assert api.post(IMPORT, json=[interaction]).json()["accepted"] == 1
    stored = api.get(f"/api/interactions/{id}").json()
    assert (stored["uowId"], stored["userId"], stored["externalResponse"]) == (None, None, None)
    UUID(api.post("/api/interactions", json=NAMED).json()["uowId"])


def test_imported_interactions_send_no_notifications(elsewhere: httpx.Client) -> None:
    channel = {"name": "c", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}
    for path in ("/api/resource-types", "/api/actions"):
        elsewhere.post(path, json={"mnemonic": "told", "title": "t"})
    channel_id = elsewhere.post("/api/channels", json=channel).json()["channelId"]
    subscription = {"resourceType": "told", "action": "told", "channelId": channel_id}
    assert elsewhere.post("/api/subscriptions", json=subscription).status_code == 201
    interaction = {**NAMED, "resourceType": "told", "action": "told"}
    assert elsewhere.post(IMPORT, json=[interaction]).json()["accepted"] == 1
    assert elsewhere.get("/api/deliveries").json()["deliveries"] == []
    assert elsewhere.post(BATCH, json=[interaction]).json()["accepted"] == 1
    assert len(elsewhere.get("/api/deliveries").json()["deliveries"]) == 1


def test_tocsins_own_interactions_are_exported_and_imported_like_all_others(
    api: TestClient, elsewhere: httpx.Client
) -> None:
    api.post("/api/interactions", json={**NAMED, "action": "alarming"})
    metric = {"name": "n", "metricType": "COUNT", "action": "alarming"}
    metric_id = api.post("/api/interaction-metrics", json=metric).json()["metricId"]
    alert = {
        "title": "t",
        "metricId": metric_id,
        "operator": "gt",
        "threshold": 0,
        "alertAction": "fired",
        "recoveryAction": "recovered",
        "interval": "24h",
    }
    alert_id = api.post("/api/interaction-alerts", json=alert).json()["alertId"]
    assert api.post(f"/api/interaction-alerts/{alert_id}/evaluate").status_code == 200
    lines = exported(api, origin="METRIC_EVAL", resourceId=alert_id)
    assert json.loads(lines)["action"] == "fired"
    for _ in range(2):
        assert elsewhere.post(IMPORT, content=lines, headers=NDJSON).status_code == 201
    carried = exported(elsewhere, resourceId=alert_id)
    assert all_members(carried) == all_members(lines)
    assert json.loads(carried)["originId"] == json.loads(lines)["originId"]
