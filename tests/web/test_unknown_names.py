"""Unknown query parameters in the addresses of pages, without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tocsin.web.app import ROUTERS
from tocsin.web.routing import PageRoute

Site = Callable[..., TestClient]


def page_addresses() -> list[str]:
    routes = [route for router in ROUTERS for route in router.routes]
    return [
        route.path.replace("{id:uuid}", str(uuid4())).replace("{kind}", "action")
        for route in routes
        if isinstance(route, APIRoute)
        and "GET" in (route.methods or ())
        and isinstance(route, PageRoute)
    ]


def links(text: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'class="button" href="([^"]*)"', text)]


def test_every_page_rejects_an_unknown_parameter(site: Site) -> None:
    client = site()
    addresses = page_addresses()
    assert len(addresses) > 20
    for address in addresses:
        answer = client.get(f"{address}?utm_source=<b>mail")
        assert answer.status_code == 422, address
        assert "<code>utm_source</code>" in answer.text
        assert links(answer.text)[-1] == address


def test_the_corrected_address_is_linked(site: Site) -> None:
    address = "/web/interactions?actoin=a%26b&since=1h&filterField=x&filterField=y&utm_id=1"
    answer = site().get(address)
    assert answer.status_code == 422
    kept = "since=1h&filterField=x&filterField=y"
    assert links(answer.text) == [
        f"/web/interactions?action=a%26b&{kept}",
        f"/web/interactions?{kept}",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "/web/interactions?resourceType=&action=&origin=&resourceId=1&userId=u&uowId=&since=1h"
        "&from=&to=&cursor=&filterField=interaction.a&filterOperator=eq&filterKind=text&filterValue=b",
        "/web/metrics?q=a&sort=name&page=1",
        "/web/alerts?q=a&sort=title&page=1",
        "/web/deliveries?status=sent&cursor=5",
        "/web/metrics/new?resourceType=A&action=B&origin=C&timeWindow=1h&filterField=interaction.a"
        "&filterOperator=eq&filterKind=text&filterValue=b",
        "/web/fields?resourceType=A&action=B",
        "/web/sign-in?next=%2Fweb%2Fmetrics",
    ],
)
def test_the_parameters_of_links_between_pages_are_known(site: Site, address: str) -> None:
    assert site().get(address).status_code == 200


def test_a_range_of_a_metric_is_known(site: Site, api: TestClient) -> None:
    metric = api.post("/api/interaction-metrics", json={"name": "n", "metricType": "COUNT"})
    page = f"/web/metrics/{metric.json()['metricId']}"
    span = "from=2026-03-20T00:00:00Z&to=2026-03-21T00:00:00Z"
    for query in ("range=7d", span, "sort=value&page=1"):
        assert site().get(f"{page}?{query}").status_code == 200
