"""Earlier versions recorded an `externalResponse` that some JSON parsers refuse. Such a value must
neither prevent deliveries nor break lists and pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from support.builders import an_interaction
from support.deployments import settings_in
from support.receivers import Receiver, receiver, wait_for
from support.serving import ADMIN_KEY
from tocsin.api.app import create_app
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import to_milliseconds
from tocsin.model.notifications.channel import read_channel
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.model.notifications.subscription import read_subscription
from tocsin.runtime import Runtime
from tocsin.web.app import add_pages

NAMED = {"resourceType": "T", "resourceId": "1", "action": "LEFT", "origin": "WEB"}
UNREADABLE = [
    *["1e999", "[-1e999]", '{"a":1e400}', "1" * 310, '{"n":[' + "9" * 5_000 + "]}"],
    *["[" * 65 + "]" * 65, "[" * 400 + "]" * 400, "[" * 900 + "]" * 900],
    *['{"a":' * 2_000 + "1" + "}" * 2_000, r'{"text":"\ud800"}', r'"\udc00 and more"'],
]
TEMPLATE = {"title": "{{ action }}", "body": "{{ externalResponse }}"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, endpoint: Receiver) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("data")
    settings = settings_in(folder, admin_key=ADMIN_KEY, allow_private_targets=True)
    opened = Runtime(settings)
    opened.key_service.adopt(opened.settings.admin_key)
    opened.recorder.record_batch([json.dumps(NAMED).encode()], sent_now(opened))
    channel = read_channel({"name": "c", "kind": "webhook", "settings": {"url": endpoint.url}})
    created = opened.channels.create(channel, opened.now())
    body = {"channelId": str(created.channel_id), "resourceType": "T", "action": "LEFT"}
    for template in (None, TEMPLATE):
        subscription = read_subscription({**body, "template": template}, opened.catalog)
        opened.subscriptions.create(subscription, opened.now())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site(runtime: Runtime) -> TestClient:
    app = create_app(runtime)
    add_pages(app, runtime)
    headers = {"x-api-key": ADMIN_KEY, "sec-fetch-site": "same-origin"}
    client = TestClient(app, headers=headers, follow_redirects=False)
    assert client.post("/web/sign-in", data={"key": ADMIN_KEY}).status_code == 303
    return client


def sent_now(runtime: Runtime) -> RequestContext:
    return RequestContext(to_milliseconds(runtime.now()))


def append_unchecked(runtime: Runtime, response: str) -> UUID:
    """Record an interaction with a response that is refused now, as earlier versions did."""
    (known,) = runtime.history.page(search_of("1"), 1, None).interactions
    unchecked = an_interaction(
        (known.resource_type_id, known.action_id, known.origin_id),
        interaction_id=uuid4().bytes,
        resource_id="2",
        timestamp=to_milliseconds(runtime.now()),
        payload=b'{"n": 1.50}',
        external_response=response.encode(),
    )
    runtime.recorder.append([unchecked])
    return UUID(bytes=unchecked.interaction_id)


def search_of(resource_id: str) -> Any:
    from tocsin.model.interactions.search import Search

    return Search(resource_id=resource_id)


@pytest.mark.parametrize("response", UNREADABLE, ids=lambda text: text[:12])
def test_an_unreadable_response_is_delivered_and_shown_as_a_text(
    runtime: Runtime, site: TestClient, endpoint: Receiver, response: str
) -> None:
    before = runtime.engine.rows()
    id = append_unchecked(runtime, response)
    # The interaction and the outcomes of its two deliveries.
    wait_for(lambda: runtime.engine.rows() == before + 3)
    bodies = [message.json for message in endpoint.received]
    bodies = [body for body in bodies if body["data"]["interactionId"] == str(id)]
    for body in bodies:
        assert body["data"]["externalResponse"] == response
        assert body["data"]["interaction"] == {"n": 1.50}
    assert {body["title"] for body in bodies} == {"LEFT", "T 2: LEFT"}
    assert response in {body["body"] for body in bodies}
    shown = site.get("/api/deliveries").json()["deliveries"][:2]
    for delivery in [
        *shown,
        *(site.get(f"/api/deliveries/{listed['deliveryId']}").json() for listed in shown),
    ]:
        assert delivery["status"] == DeliveryStatus.SENT
        assert delivery["interaction"]["externalResponse"] == response
    assert site.get(f"/api/interactions/{id}").json()["externalResponse"] == response
    for page in ("/web/deliveries", "/web/interactions", f"/web/interactions/{id}"):
        assert site.get(page).status_code == 200
