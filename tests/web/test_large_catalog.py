"""With a large catalog, forms stay small and still accept any mnemonic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from support.deployments import settings_in
from support.serving import ADMIN_KEY
from tocsin.model.interactions.catalog import Kind
from tocsin.runtime import Runtime
from tocsin.web.choices import SUGGESTIONS

Site = Callable[[str | None], TestClient]
FORMS = ("metrics/new", "alerts/new", "subscriptions/new", "interactions")
NAMED = {"resourceType": "EARLY.7", "action": "EARLY.8", "origin": "EARLY.9"}
METRIC = {"name": "Early", "metricType": "COUNT", "enabled": "on", **NAMED}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A catalog with 5,000 entries of each kind; the early ones are not suggested."""
    opened = Runtime(settings_in(tmp_path_factory.mktemp("data"), admin_key=ADMIN_KEY))
    opened.key_service.adopt(opened.settings.admin_key)
    for kind in Kind:
        room = opened.catalog.capacity(kind)
        early = [f"EARLY.{n}" for n in range(room - SUGGESTIONS)]
        opened.catalog.ensure_all(kind, early, opened.now())
        late = [
            f"{n:03}.A.MNEMONIC.OF.THE.GREATEST.LENGTH".ljust(64, "_") for n in range(SUGGESTIONS)
        ]
        opened.catalog.ensure_all(kind, late, opened.now())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pages(site: Site) -> TestClient:
    """The pages, with a metric, which the form of an alert needs."""
    client = site(ADMIN_KEY)
    assert client.post("/web/metrics/new", data=METRIC).status_code == 303
    return client


@pytest.mark.parametrize("form", FORMS)
def test_the_size_of_a_form_is_bounded(form: str, pages: TestClient) -> None:
    page = pages.get(f"/web/{form}")
    assert page.status_code == 200
    assert len(page.content) < 100_000
    for list_id in re.findall(r'<input name="\w+" list="(entries-\w+)"', page.text):
        (suggested,) = re.findall(rf'<datalist id="{list_id}">(.*?)</datalist>', page.text, re.S)
        assert suggested.count("<option>") == SUGGESTIONS
        assert "EARLY" not in suggested


def test_a_metric_with_any_mnemonic_is_saved_and_shown_again(
    runtime: Runtime, pages: TestClient
) -> None:
    (metric,) = runtime.metrics.all()
    page = pages.get(f"/web/metrics/{metric.metric_id}/edit").text
    for member, mnemonic in NAMED.items():
        assert re.search(rf'<input name="{member}" list="\S+" value="{mnemonic}"', page)


@pytest.mark.parametrize(
    ("form", "definition"),
    [
        ("metrics/new", {**METRIC, "action": "NOWHERE"}),
        ("alerts/new", {"alertAction": "NOWHERE"}),
        ("alerts/new", {"recoveryAction": "NOWHERE"}),
        ("subscriptions/new", {"resourceType": "ALERT", "action": "NOWHERE"}),
    ],
)
def test_an_unknown_mnemonic_is_named_beside_its_field(
    form: str, definition: dict[str, str], pages: TestClient
) -> None:
    page = pages.post(f"/web/{form}", data=definition)
    assert page.status_code == 422
    assert 'value="NOWHERE"' in page.text
    assert "is the mnemonic of no action in the catalog" in page.text
