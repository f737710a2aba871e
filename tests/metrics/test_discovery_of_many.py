"""Discovery in a table that is too large to be read says what it has read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.installation import ONE, Installation
from tocsin.metrics import discovery_sample, field_discovery

PATH = "/api/interaction-metrics/fields/discover"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Forty interactions of two types in one month; each type has a field of its own."""
    folder: Path = tmp_path_factory.mktemp("many")
    installation = Installation(folder / "data")
    rows = [
        {
            **ONE,
            "resourceType": kind,
            "timestamp": f"2026-03-{day:02d}T12:00:00Z",
            "interaction": {kind: day, "both": {"deep": "x"}, "none": None, "empty": {}},
        }
        for kind in ("first", "second")
        for day in range(1, 21)
    ]
    sent = installation.sender.post("/api/interactions/batch?history=true", json=rows)
    assert sent.json()["accepted"] == len(rows)
    installation.runtime.engine.load_field_types()
    yield installation
    installation.runtime.close()


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty are many."""
    for module in (discovery_sample, field_discovery):
        monkeypatch.setattr(module, "EXACT_ROWS", 10)
    monkeypatch.setattr(discovery_sample, "SAMPLE_ROWS", 8)
    monkeypatch.setattr(field_discovery, "READ_ROWS", 10)


@pytest.mark.usefixtures("many")
def test_occurrences_are_those_of_a_sample_and_the_header_has_its_size(
    installation: Installation,
) -> None:
    answer = installation.admin.get(PATH, params={"detail": "true"})
    rows, of = map(int, answer.headers["x-sample"].split("/"))
    assert of == 40
    assert 0 < rows < 40
    reports = {report["field"]: report for report in answer.json()}
    assert reports["interaction.both.deep"]["occurrences"] == rows
    scoped = installation.admin.get(PATH, params={"detail": "true", "resourceType": "first"})
    assert scoped.headers["x-sample"].endswith("/20")
    assert [report["field"] for report in scoped.json()] == [
        "interaction.both.deep",
        "interaction.first",
    ]


@pytest.mark.usefixtures("many")
def test_all_fields_are_listed_without_reading_any_payload(installation: Installation) -> None:
    answer = installation.admin.get(PATH)
    assert "x-sample" not in answer.headers
    assert answer.json() == [
        "interaction.both.deep",
        "interaction.first",
        "interaction.second",
    ]
    scoped = installation.admin.get(PATH, params={"resourceType": "second"})
    assert scoped.headers["x-sample"].endswith("/20")
    assert scoped.json() == ["interaction.both.deep", "interaction.second"]


def test_few_interactions_are_all_read(installation: Installation) -> None:
    for parameters in ({}, {"detail": "true"}, {"resourceType": "first"}):
        assert "x-sample" not in installation.admin.get(PATH, params=parameters).headers
