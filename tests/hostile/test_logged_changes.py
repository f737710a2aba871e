"""A change of a definition, by the API or by a page, leaves one line in the log and no secret."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest

from support.log_lines import lines, logged, signed_in
from support.serving import Server

SECRET = "very-secret"
METRIC = {"name": "Logins", "metricType": "COUNT", "timeWindow": "5m"}
ALERT = {
    "title": "Many logins",
    "operator": "gt",
    "threshold": 20,
    "alertAction": "fired",
    "runbookUrl": f"https://example.com/{SECRET}",
}
CHANNEL = {"name": "Hook", "kind": "webhook", "settings": {"url": "https://example.com/hook"}}
EVENTS = ("created", "replaced", "deleted")


class Case(NamedTuple):
    """A definition as the API and as a form have it."""

    subject: str
    """The first words of its events."""
    api: str
    page: str
    id: str
    """The member of its id in an answer."""
    field: str
    """The field of its id in a log line."""
    body: dict[str, Any]
    form: dict[str, Any]
    edit: str = ""


Ids = dict[str, str]
KINDS = ("metric", "alert", "subscription", "silence", "action")


def case_of(kind: str, ids: Ids) -> Case:
    topic = {"resourceType": "ALERT", "action": "fired", "channelId": ids["channel"]}
    template = {"title": SECRET, "body": SECRET}
    alert = {**ALERT, "metricId": ids["metric"]}
    silence = {"author": "ada", "reason": SECRET}
    entry = {"mnemonic": "LOGGED", "title": SECRET}
    labels, label_lines = {"labels": {"token": SECRET}}, {"labels": f"token={SECRET}"}
    end, on = {"to": "2099-01-01T00:00:00Z"}, {"enabled": "on"}
    return {
        "metric": Case(
            subject="metric",
            api="/api/interaction-metrics",
            page="/web/metrics",
            id="metricId",
            field="metric",
            body=METRIC,
            form={**METRIC, **on},
            edit="/edit",
        ),
        "alert": Case(
            subject="alert",
            api="/api/interaction-alerts",
            page="/web/alerts",
            id="alertId",
            field="alert",
            body={**alert, **labels},
            form={**alert, **label_lines, **on},
            edit="/edit",
        ),
        "subscription": Case(
            subject="subscription",
            api="/api/subscriptions",
            page="/web/subscriptions",
            id="subscriptionId",
            field="subscription",
            body={**topic, "template": template},
            form={**topic, **template, **on},
        ),
        "silence": Case(
            subject="silence",
            api="/api/silences",
            page="/web/silences",
            id="silenceId",
            field="silence",
            body={**silence, **labels, **end},
            form={**silence, **label_lines, "length": "1h"},
        ),
        "action": Case(
            subject="catalog entry",
            api="/api/actions",
            page="/web/catalog/action",
            id="actionId",
            field="entry",
            body=entry,
            form=entry,
        ),
    }[kind]


@pytest.fixture(scope="module")
def ids(server: Server) -> Ids:
    """A metric to alert on and a channel to subscribe with."""
    with server.client() as client:
        metric = client.post("/api/interaction-metrics", json={**METRIC, "name": "Other"}).json()
        channel = client.post("/api/channels", json=CHANNEL).json()
    logged(server, "metric created")
    return {"metric": metric["metricId"], "channel": channel["channelId"]}


def counted(server: Server) -> Counter[str]:
    subjects = ("metric", "alert", "subscription", "silence", "catalog entry")
    events = [f"{subject} {event}" for subject in subjects for event in EVENTS]
    return Counter({event: len(lines(server, event)) for event in events})


def assert_one_line_each(server: Server, before: Counter[str], case: Case, id: str) -> None:
    names = [f"{case.subject} {event}" for event in EVENTS]
    expected = {"by_name": "TOCSIN_ADMIN_KEY", "address": "127.0.0.1", case.field: id}
    for name in names:
        line = logged(server, name, before[name] + 1)[-1]
        assert line.items() >= expected.items()
        assert line["by"]
    assert counted(server) - before == Counter(names)
    assert SECRET not in server.log
    assert server.admin_key not in server.log


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_by_the_api_leaves_one_line(kind: str, server: Server, ids: Ids) -> None:
    case, before = case_of(kind, ids), counted(server)
    with server.client() as client:
        response = client.post(case.api, json=case.body)
        assert response.status_code == 201, response.text
        path = f"{case.api}/{response.json()[case.id]}"
        assert client.put(path, json=case.body).status_code == 200
        assert client.delete(path).status_code == 204
        # A refused request changes nothing, and leaves no line.
        assert client.post(case.api, json={}).status_code == 422
        assert client.delete(path).status_code == 404
    assert_one_line_each(server, before, case, response.json()[case.id])


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_by_a_page_leaves_one_line(kind: str, server: Server, ids: Ids) -> None:
    case, before = case_of(kind, ids), counted(server)
    with signed_in(server, server.admin_key) as client:
        response = client.post(f"{case.page}/new", data=case.form)
        assert response.status_code == 303, response.text
        created = f"{case.subject} created"
        id = logged(server, created, before[created] + 1)[-1][case.field]
        assert client.post(f"{case.page}/{id}{case.edit}", data=case.form).status_code == 303
        assert client.post(f"{case.page}/{id}/delete").status_code == 303
        assert client.post(f"{case.page}/new", data={}).status_code == 422
    assert_one_line_each(server, before, case, id)


@pytest.mark.parametrize("kind", ["metric", "alert"])
def test_a_switch_leaves_one_line_that_names_the_new_position(
    kind: str, server: Server, ids: Ids
) -> None:
    case = case_of(kind, ids)
    event = f"{case.subject} replaced"
    before = len(lines(server, event))
    with server.client() as client:
        id = client.post(case.api, json=case.body).json()[case.id]
    with signed_in(server, server.admin_key) as client:
        assert client.post(f"{case.page}/{id}/enabled", data={}).status_code == 303
    (line,) = logged(server, event, before + 1)[before:]
    assert line.items() >= {case.field: id, "enabled": False}.items()
