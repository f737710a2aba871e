"""The pages of the audit trail and of the histories of definitions."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tocsin.web.definition_changes import MemberChange, member_changes
from tocsin.web.pages import audit

Site = Callable[..., TestClient]
METRIC = {"name": "Logins", "metricType": "COUNT", "enabled": "on"}


@pytest.fixture(scope="module")
def admin(site: Site) -> TestClient:
    return site()


@pytest.fixture(scope="module")
def metric(admin: TestClient) -> str:
    """The address of a metric that was created and changed on the pages."""
    created = admin.post("/web/metrics/new", data=METRIC)
    address = created.headers["location"].split("?")[0]
    admin.post(f"{address}/edit", data={**METRIC, "name": "Sign-ins", "timeWindow": "5m"})
    return address


def page(client: TestClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def test_a_change_by_a_page_is_listed_with_its_key_and_members(
    admin: TestClient, metric: str
) -> None:
    text = page(admin, "/web/audit?kind=metric&action=changed&keyName=TOCSIN_ADMIN_KEY")
    assert "<summary>name, timeWindow</summary>" in text
    assert "<del>Logins</del> <ins>Sign-ins</ins>" in text
    assert f'href="{metric}/history"' in text
    assert "No rows match" in page(admin, "/web/audit?keyName=nobody")


def test_an_id_in_a_definition_has_its_name_beside_it(admin: TestClient, metric: str) -> None:
    id = metric.rsplit("/", 1)[-1]
    form = {"title": "Many", "metricId": id, "operator": "gt", "threshold": 1}
    admin.post("/web/alerts/new", data={**form, "alertAction": "fired"})
    text = page(admin, "/web/audit?kind=alert&action=created")
    assert f"<ins>Sign-ins ({id})</ins>" in text
    assert "<ins>fired (" in text


def test_a_search_that_is_wrong_names_each_field(admin: TestClient) -> None:
    answer = admin.get("/web/audit?from=yesterday&id=x&kind=metrik&cursor=")
    assert answer.status_code == 422
    assert answer.text.count('class="problem"') == 3
    assert admin.get("/web/audit?cursor=x").status_code == 422


def test_a_history_is_linked_and_stays_when_its_metric_is_deleted(
    admin: TestClient, metric: str, site: Site, keys: dict[str, str]
) -> None:
    assert f'href="{metric}/history"' in page(admin, metric)
    text = page(site(keys["read"]), f"{metric}/history")
    assert "<h1>History of Sign-ins" in text
    assert text.index("Sign-ins</ins>") < text.index("<ins>Logins</ins>")
    (alert,) = re.findall(r"/web/alerts/[0-9a-f-]{36}", page(admin, "/web/alerts"))[:1]
    admin.post(f"{alert}/delete")
    admin.post(f"{metric}/delete")
    text = page(admin, f"{metric}/history")
    assert '<span class="tag">deleted</span></h1>' in text
    assert f'href="{metric}"' not in text
    assert admin.get(f"/web/metrics/{uuid4()}/history").status_code == 404


def test_long_lists_are_paged(admin: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_PAGE", 1)
    created = admin.post("/web/metrics/new", data={**METRIC, "name": "paged 0"})
    address = created.headers["location"].split("?")[0]
    for number in (1, 2):
        admin.post(f"{address}/edit", data={**METRIC, "name": f"paged {number}"})
    for start in (f"{address}/history", "/web/audit?kind=metric&action=changed"):
        first = page(admin, start)
        assert "<del>paged 1</del> <ins>paged 2</ins>" in first
        following = first.split('rel="next" href="')[1].split('"')[0]
        second = page(admin, f"{start.split('?')[0]}{following}")
        assert "<del>paged 0</del> <ins>paged 1</ins>" in second
        assert "paged 2</ins>" not in second


def test_the_changed_members_are_texts_without_empty_ones() -> None:
    before = {"name": "a", "labels": {"team": "x"}, "filters": [], "settings": {"secret": "***"}}
    after = {"name": "a", "labels": {"team": "y"}, "filters": [{"field": "userId"}]} | {
        "settings": {"secret": "***"},
        "for": None,
    }
    assert member_changes(before, after, ["labels.team", "filters", "settings.secret"]) == [
        MemberChange("labels.team", "x", "y"),
        MemberChange("filters", None, '[{"field": "userId"}]'),
        MemberChange("settings.secret", "***", "***"),
    ]
    assert member_changes(None, {"name": "a", "for": None, "labels": {}}, []) == [
        MemberChange("name", None, "a")
    ]
    named = member_changes(None, {"metricId": "1", "for": "1"}, [], lambda id: f"name of {id}")
    assert [change.after for change in named] == ["name of 1 (1)", "1"]
    (long,) = member_changes(None, {"name": "x" * 5_000}, [])
    assert long.after == "x" * 2_000 + "…"
