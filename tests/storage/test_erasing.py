"""Erasures: nothing in the data folder, and no answer, has the erased value any more.

The contract is "Erasures" in docs/reference/api.md.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from support.deployments import folder_only, settings_in
from support.erasing import PATH, count_of, files_with, order, post, until_done
from support.serving import ADMIN_KEY
from tocsin.api.app import create_app
from tocsin.model.audit.entry import AuditAction, AuditFilter
from tocsin.runtime import Runtime
from tocsin.store.audit import AuditTrail

pytestmark = folder_only


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("erased") / "data"


@pytest.fixture(scope="module")
def runtime(folder: Path) -> Iterator[Runtime]:
    settings = settings_in(folder, admin_key=ADMIN_KEY, allow_private_targets=True)
    opened = Runtime(settings)
    opened.key_service.adopt(opened.settings.admin_key)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(runtime: Runtime) -> Iterator[TestClient]:
    app = create_app(runtime)
    with TestClient(app, headers={"x-api-key": ADMIN_KEY}) as opened:
        yield opened


def alerted(client: TestClient, group_by: str) -> Any:
    """An alert that fires for each group, and whose transitions are delivered to a dead channel."""
    suffix = uuid4().hex[:8]
    metric = {
        "name": f"m {suffix}",
        "metricType": "COUNT",
        "resourceType": "ORDER",
        "groupBy": [group_by],
    }
    metric_id = post(client, "/api/interaction-metrics", metric)["metricId"]
    channel = {"name": f"c {suffix}", "kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}
    channel_id = post(client, "/api/channels", channel)["channelId"]
    subscription = {
        "channelId": channel_id,
        "resourceType": "ALERT",
        "action": "fired",
    }
    post(client, "/api/subscriptions", subscription)
    alert = {
        "title": f"a {suffix}",
        "metricId": metric_id,
        "operator": "gte",
        "threshold": 1,
        "alertAction": "fired",
    }
    created = post(client, "/api/interaction-alerts", alert)
    post(client, f"/api/interaction-alerts/{created['alertId']}/evaluate", {}, 200)
    return created


def test_a_user_is_erased_from_every_file_and_every_answer(
    client: TestClient, runtime: Runtime, folder: Path
) -> None:
    user, other = f"ada-{uuid4().hex}@example.org", f"bob-{uuid4().hex}@example.org"
    months = ("2026-01-05T10:00:00Z", "2026-02-05T10:00:00Z", "2026-02-06T10:00:00Z")
    sent = [order(user, interactionId=str(uuid4()), timestamp=at) for at in months]
    post(client, "/api/interactions/batch", [*sent, order(other), order(other)])
    alert = alerted(client, "userId")
    assert count_of(client)[user] == 3
    assert user in client.get("/api/interaction-alerts/firing").text
    assert user in client.get("/api/deliveries").text
    assert files_with(folder, user)

    silence = {
        "alertId": alert["alertId"],
        "dimensions": {"userId": user},
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-02T00:00:00Z",
    }
    silence_id = post(client, "/api/silences", silence)["silenceId"]
    dry = post(client, PATH, {"userId": user, "dryRun": True}, 200)
    assert dry["definitions"] == [{"kind": "silence", "id": silence_id}]
    client.delete(f"/api/silences/{silence_id}").raise_for_status()
    assert dry["matched"]["interactions"] == 4
    assert (dry["matched"]["transitions"], dry["matched"]["alertStates"]) == (1, 1)
    assert count_of(client)[user] == 3

    begun = post(client, PATH, {"userId": user})
    assert user not in str(begun)
    done = until_done(client, begun["erasureId"])
    assert done["erased"] == done["matched"] == dry["matched"]
    assert files_with(folder, user) == []
    assert count_of(client) == {other: 2}
    for path in ("/api/interaction-alerts/firing", "/api/deliveries", "/api/interactions", PATH):
        assert user not in client.get(path).text
        assert client.get(path).status_code == 200
    post(client, f"/api/interaction-alerts/{alert['alertId']}/evaluate", {}, 200)
    assert user not in client.get("/api/interactions").text

    trail, _ = AuditTrail(runtime.database).page(1_000, AuditFilter())
    assert [str(each.id) for each in trail if each.action is AuditAction.ERASED] == [
        begun["erasureId"]
    ]
    assert user not in str(trail)
    assert user not in client.get(f"{PATH}/ledger").text

    # An erased interaction is not recorded again; a new one is.
    again = client.post("/api/interactions", json=sent[0])
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert again.json()["interactionNumber"] is None
    answer = post(client, "/api/interactions/batch", [*sent, order(user)])
    assert (answer["accepted"], answer["duplicates"]) == (1, 3)
    assert count_of(client) == {other: 2, user: 1}
    assert client.get("/readyz").json()
    # It would fire for the users of the other tests, too.
    client.delete(f"/api/interaction-alerts/{alert['alertId']}").raise_for_status()


def test_a_resource_is_erased_and_one_of_another_type_with_the_same_id_is_not(
    client: TestClient, runtime: Runtime
) -> None:
    resource = f"r-{uuid4().hex}"
    other_type = {**order("u", resource), "resourceType": "PARCEL"}
    batch = [order("u", resource), order("u", "2"), other_type]
    post(client, "/api/interactions/batch", batch)
    body = {"resourceType": "order", "resourceId": resource}
    assert post(client, PATH, {**body, "dryRun": True}, 200)["matched"]["interactions"] == 1
    begun = post(client, PATH, body)
    assert begun["resourceType"] == "ORDER"
    done = until_done(client, begun["erasureId"])
    assert done["erased"]["interactions"] == 1
    left = client.get("/api/interactions", params={"resourceId": resource}).json()["interactions"]
    assert [each["resourceType"] for each in left] == ["PARCEL"]
    runtime.storage.check(runtime.now())
    assert runtime.problems()["losses"] == []


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"userId"}),
        ({"userId": ""}, {"userId"}),
        ({"userId": "a", "resourceId": "b"}, {"userId"}),
        ({"resourceId": "b"}, {"resourceType"}),
        ({"resourceType": "ORDER"}, {"resourceId"}),
        ({"resourceType": "NONE", "resourceId": "b"}, {"resourceType"}),
        ({"resourceTypeId": str(uuid4()), "resourceId": "b"}, {"resourceTypeId"}),
        ({"userId": "a", "why": "b"}, {"why"}),
    ],
)
def test_a_wrong_erasure_is_422(client: TestClient, body: Any, wrong: set[str]) -> None:
    refused = client.post(PATH, json=body)
    assert refused.status_code == 422
    assert {problem["field"] for problem in refused.json()["errors"]} == wrong


def test_the_page_counts_first_and_then_erases(
    client: TestClient, site: Callable[[], TestClient]
) -> None:
    user = f"<b>&'{uuid4().hex}"
    post(client, "/api/interactions/batch", [order(user), order(user)])
    page, pages = "/web/erasures", site()
    counted = pages.post(page, data={"userId": user})
    assert "2 interactions, 0 deliveries" in counted.text
    assert user not in counted.text
    assert user in html.unescape(counted.text)
    refused = pages.post(page, data={"resourceId": "1"})
    assert "is required with resourceId" in refused.text
    erased = pages.post(f"{page}/new", data={"userId": user}, follow_redirects=False)
    assert (erased.status_code, erased.headers["location"]) == (303, page)
    newest = client.get(PATH).json()[0]
    assert until_done(client, newest["erasureId"])["erased"]["interactions"] == 2
    shown = pages.get(page).text
    assert "done" in shown
    assert user not in html.unescape(shown)


def test_a_missing_erasure_is_404(client: TestClient) -> None:
    assert client.get(f"{PATH}/{uuid4()}").status_code == 404
