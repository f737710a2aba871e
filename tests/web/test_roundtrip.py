"""A form that is opened and saved changes nothing, whatever the definition holds."""

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
from tocsin.cli.definition_files import read_definitions
from tocsin.runtime import Runtime

KEY = {"x-api-key": ADMIN_KEY}
FORM = {"content-type": "application/x-www-form-urlencoded"}
DRAWN = settings(
    max_examples=30,
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

    def make(self, path: str, said: dict[str, Any]) -> str:
        """The address of a new one."""
        answer = self.client.post(path, json=said, headers=KEY)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def answered(self, address: str) -> str:
        return MODIFIED.sub("", self.client.get(address, headers=KEY).text)

    def id_of(self, address: str) -> str:
        return address.rsplit("/", 1)[1]

    def save_unchanged(self, page: str, to: str | None = None) -> str:
        """Open a form and send it as it is; answers where that leads."""
        shown = self.client.get(page)
        assert shown.status_code == 200, shown.text
        answer = self.client.post(to or page, content=sent(filled(shown.text)), headers=FORM)
        assert answer.status_code == 303, problems(answer.text)
        return str(answer.headers["location"])

    def check(self, path: str, said: dict[str, Any], page: str) -> None:
        """Make one through the API, save it through its page, and remove it."""
        address = self.make(path, said)
        before = self.answered(address)
        self.save_unchanged(page.format(self.id_of(address)))
        assert self.answered(address) == before
        assert self.client.delete(address, headers=KEY).status_code == 204


def problems(page: str) -> list[str]:
    return re.findall(r'class="problem"[^>]*>([^<]+)', page)


@pytest.fixture(scope="module")
def definitions(site: Callable[[], TestClient]) -> Definitions:
    made = Definitions(site())
    made.make("/api/resource-types", {"mnemonic": "ONE", "title": "One"})
    made.make("/api/origins", {"mnemonic": "Two", "title": "Two"})
    return made


@DRAWN
@given(said=nasty.metrics())
def test_saving_a_metric_unchanged_changes_nothing(
    definitions: Definitions, said: dict[str, Any]
) -> None:
    definitions.check("/api/interaction-metrics", said, "/web/metrics/{}/edit")


@DRAWN
@given(said=nasty.metrics())
def test_a_duplicate_measures_the_same(definitions: Definitions, said: dict[str, Any]) -> None:
    address = definitions.make("/api/interaction-metrics", said)
    before = definitions.client.get(address, headers=KEY).json()
    like = f"/web/metrics/new?like={definitions.id_of(address)}"
    copy = definitions.save_unchanged(like, "/web/metrics/new")
    api = f"/api/interaction-metrics/{definitions.id_of(copy)}"
    after = definitions.client.get(api, headers=KEY).json()
    assert {k: v for k, v in after.items() if k not in OWN} == {
        k: v for k, v in before.items() if k not in OWN
    }
    for made in (address, api):
        assert definitions.client.delete(made, headers=KEY).status_code == 204


@settings(DRAWN, max_examples=12)
@given(said=nasty.metrics())
def test_the_yaml_of_a_page_can_be_pasted_back(
    definitions: Definitions, tmp_path_factory: pytest.TempPathFactory, said: dict[str, Any]
) -> None:
    address = definitions.make("/api/interaction-metrics", said)
    page = definitions.client.get(f"/web/metrics/{definitions.id_of(address)}").text
    shown = re.search('<pre id="yaml">(.*?)</pre>', page, re.DOTALL)
    assert shown
    file = tmp_path_factory.mktemp("pasted") / "metrics.yaml"
    file.write_text(html.unescape(shown[1]), encoding="utf-8", newline="")
    (definition,) = read_definitions(file)
    before = definitions.answered(address)
    assert definitions.client.put(address, json=definition, headers=KEY).status_code == 200
    assert definitions.answered(address) == before
    assert definitions.client.delete(address, headers=KEY).status_code == 204


@pytest.fixture(scope="module")
def watched(definitions: Definitions) -> str:
    said = {"name": "watched", "metricType": "COUNT"}
    return definitions.id_of(definitions.make("/api/interaction-metrics", said))


@DRAWN
@given(data=st.data())
def test_saving_an_alert_unchanged_changes_nothing(
    definitions: Definitions, watched: str, data: st.DataObject
) -> None:
    said = data.draw(nasty.alerts(watched))
    definitions.check("/api/interaction-alerts", said, "/web/alerts/{}/edit")


@DRAWN
@given(said=nasty.channels())
def test_saving_a_channel_unchanged_changes_nothing(
    definitions: Definitions, said: dict[str, Any]
) -> None:
    definitions.check("/api/channels", said, "/web/channels/{}")


def test_saving_a_channel_that_tocsin_disabled_keeps_the_reason(
    definitions: Definitions, runtime: Runtime
) -> None:
    said = {"name": "gone", "kind": "webhook", "settings": {"url": "https://a.example"}}
    address = definitions.make("/api/channels", said)
    id = UUID(definitions.id_of(address))
    runtime.channels.disable(id, "answered 410", runtime.now())
    before = definitions.answered(address)
    definitions.save_unchanged(f"/web/channels/{id}")
    assert definitions.answered(address) == before
    enabled = definitions.client.put(address, json={**said, "enabled": True}, headers=KEY)
    assert enabled.json()["disabledReason"] is None


@pytest.fixture(scope="module")
def channel(definitions: Definitions) -> str:
    said = {"name": "hook", "kind": "webhook", "settings": {"url": "https://a.example"}}
    return definitions.id_of(definitions.make("/api/channels", said))


@DRAWN
@given(data=st.data())
def test_saving_a_subscription_unchanged_changes_nothing(
    definitions: Definitions, channel: str, data: st.DataObject
) -> None:
    said = data.draw(nasty.subscriptions(channel))
    definitions.check("/api/subscriptions", said, "/web/subscriptions/{}")


@DRAWN
@given(said=nasty.silences())
def test_saving_a_silence_unchanged_changes_nothing(
    definitions: Definitions, said: dict[str, Any]
) -> None:
    definitions.check("/api/silences", said, "/web/silences/{}")


@DRAWN
@given(said=nasty.entries("MOVED"))
def test_saving_a_catalog_entry_unchanged_changes_nothing(
    definitions: Definitions, said: dict[str, Any]
) -> None:
    definitions.check("/api/actions", said, "/web/catalog/action/{}")
