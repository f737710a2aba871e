"""Opening a form and saving it changes nothing, for any definition."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import nasty_definitions as nasty
from support.form_filling import filled, sent
from support.serving import ADMIN_KEY
from tocsin.cli.definition_entries import read_definitions
from tocsin.runtime import Runtime

KEY = {"x-api-key": ADMIN_KEY}
FORM = {"content-type": "application/x-www-form-urlencoded"}
DRAWN = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
MODIFIED = re.compile(r'"modifiedDate":"[^"]+"')
OWN = ("metricId", "name", "createdDate", "modifiedDate")


class Definitions:
    """The API and the pages of one installation."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def create(self, path: str, spec: dict[str, Any]) -> str:
        """Create a definition; returns its address."""
        answer = self.client.post(path, json=spec, headers=KEY)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def text(self, address: str) -> str:
        return MODIFIED.sub("", self.client.get(address, headers=KEY).text)

    def id_of(self, address: str) -> str:
        return address.rsplit("/", 1)[1]

    def save_unchanged(self, page: str, to: str | None = None) -> str:
        """Open a form and submit it without a change; returns the address of the redirect."""
        shown = self.client.get(page)
        assert shown.status_code == 200, shown.text
        answer = self.client.post(to or page, content=sent(filled(shown.text)), headers=FORM)
        assert answer.status_code == 303, problems(answer.text)
        return str(answer.headers["location"])

    def check(self, path: str, spec: dict[str, Any], page: str) -> None:
        """Create a definition with the API, save it on its page, and delete it."""
        address = self.create(path, spec)
        before = self.text(address)
        self.save_unchanged(page.format(self.id_of(address)))
        assert self.text(address) == before
        assert self.client.delete(address, headers=KEY).status_code == 204


def problems(page: str) -> list[str]:
    return re.findall(r'class="problem"[^>]*>([^<]+)', page)


@pytest.fixture(scope="module")
def definitions(site: Callable[[], TestClient]) -> Definitions:
    created = Definitions(site())
    created.create("/api/resource-types", {"mnemonic": "ONE", "title": "One"})
    created.create("/api/origins", {"mnemonic": "Two", "title": "Two"})
    return created


@DRAWN
@given(spec=nasty.metrics())
def test_saving_a_metric_unchanged_changes_nothing(
    definitions: Definitions, spec: dict[str, Any]
) -> None:
    definitions.check("/api/interaction-metrics", spec, "/web/metrics/{}/edit")


@DRAWN
@given(spec=nasty.metrics())
def test_a_duplicate_measures_the_same(definitions: Definitions, spec: dict[str, Any]) -> None:
    address = definitions.create("/api/interaction-metrics", spec)
    before = definitions.client.get(address, headers=KEY).json()
    like = f"/web/metrics/new?like={definitions.id_of(address)}"
    copy = definitions.save_unchanged(like, "/web/metrics/new")
    api = f"/api/interaction-metrics/{definitions.id_of(copy)}"
    after = definitions.client.get(api, headers=KEY).json()
    assert {k: v for k, v in after.items() if k not in OWN} == {
        k: v for k, v in before.items() if k not in OWN
    }
    for each in (address, api):
        assert definitions.client.delete(each, headers=KEY).status_code == 204


@settings(DRAWN, max_examples=12)
@given(spec=nasty.metrics())
def test_the_yaml_of_a_page_can_be_pasted_back(
    definitions: Definitions, tmp_path_factory: pytest.TempPathFactory, spec: dict[str, Any]
) -> None:
    address = definitions.create("/api/interaction-metrics", spec)
    page = definitions.client.get(f"/web/metrics/{definitions.id_of(address)}").text
    shown = re.search('<pre id="yaml">(.*?)</pre>', page, re.DOTALL)
    assert shown
    file = tmp_path_factory.mktemp("pasted") / "metrics.yaml"
    file.write_text(html.unescape(shown[1]), encoding="utf-8", newline="")
    (definition,) = read_definitions(file)
    before = definitions.text(address)
    assert definitions.client.put(address, json=definition, headers=KEY).status_code == 200
    assert definitions.text(address) == before
    assert definitions.client.delete(address, headers=KEY).status_code == 204


@pytest.fixture(scope="module")
def metric_id(definitions: Definitions) -> str:
    spec = {"name": "with alerts", "metricType": "COUNT"}
    return definitions.id_of(definitions.create("/api/interaction-metrics", spec))


@pytest.fixture(scope="module")
def channel_ids(definitions: Definitions) -> list[str]:
    spec = {"name": "chat", "kind": "apprise", "settings": {"url": "tgram://token/chat"}}
    return [definitions.id_of(definitions.create("/api/channels", spec)) for _ in range(3)]


@DRAWN
@given(data=st.data())
def test_saving_an_alert_unchanged_changes_nothing(
    definitions: Definitions, metric_id: str, channel_ids: list[str], data: st.DataObject
) -> None:
    spec = data.draw(nasty.alerts(metric_id, channel_ids))
    definitions.check("/api/interaction-alerts", spec, "/web/alerts/{}/edit")


@DRAWN
@given(spec=nasty.channels())
def test_saving_a_channel_unchanged_changes_nothing(
    definitions: Definitions, spec: dict[str, Any]
) -> None:
    definitions.check("/api/channels", spec, "/web/channels/{}")


def test_saving_a_channel_that_tocsin_disabled_keeps_the_reason(
    definitions: Definitions, runtime: Runtime
) -> None:
    spec = {"name": "gone", "kind": "webhook", "settings": {"url": "https://a.example"}}
    address = definitions.create("/api/channels", spec)
    id = UUID(definitions.id_of(address))
    runtime.channels.disable(id, "answered 410", runtime.now())
    before = definitions.text(address)
    definitions.save_unchanged(f"/web/channels/{id}")
    assert definitions.text(address) == before
    enabled = definitions.client.put(address, json={**spec, "enabled": True}, headers=KEY)
    assert enabled.json()["disabledReason"] is None


@pytest.fixture(scope="module")
def channel(definitions: Definitions) -> str:
    spec = {"name": "hook", "kind": "webhook", "settings": {"url": "https://a.example"}}
    return definitions.id_of(definitions.create("/api/channels", spec))


@DRAWN
@given(data=st.data())
def test_saving_a_subscription_unchanged_changes_nothing(
    definitions: Definitions, channel: str, data: st.DataObject
) -> None:
    spec = data.draw(nasty.subscriptions(channel))
    definitions.check("/api/subscriptions", spec, "/web/subscriptions/{}")


@DRAWN
@given(spec=nasty.silences())
def test_saving_a_silence_unchanged_changes_nothing(
    definitions: Definitions, spec: dict[str, Any]
) -> None:
    definitions.check("/api/silences", spec, "/web/silences/{}")


@DRAWN
@given(spec=nasty.entries("MOVED"))
def test_saving_a_catalog_entry_unchanged_changes_nothing(
    definitions: Definitions, spec: dict[str, Any]
) -> None:
    definitions.check("/api/actions", spec, "/web/catalog/action/{}")
