"""Discovery in a table that is too large to be read says what it has read; of a scope that can be
read, all fields are listed, whether a sample has them or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.installation import ONE, Installation
from tocsin.clickhouse.field_types import FieldTypes
from tocsin.clickhouse.sql import discovery
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import JsonType
from tocsin.metrics import discovery_sample, field_discovery
from tocsin.model.interactions.scope import Scope

PATH = "/api/interaction-metrics/fields/discover"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Forty interactions of two types in one month; each type has a field of its own, and the first
    interaction of each has rare ones."""
    folder: Path = tmp_path_factory.mktemp("many")
    installation = Installation(folder / "data")
    rare: dict[tuple[str, int], dict[str, Any]] = {
        ("first", 1): {"rare": {"x.y": None, "z": []}, "object": {"leaf": 1}, "any": "x"},
        ("second", 1): {"rare": {"x.y": False}, "object": "leaf", "any": {"empty": {}}},
    }
    common = {"both": {"deep": "x"}, "none": None, "empty": {}}
    rows = [
        {
            **ONE,
            "resourceType": kind,
            "timestamp": f"2026-03-{day:02d}T12:00:00Z",
            "interaction": {kind: day, **common, **rare.get((kind, day), {})},
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
    monkeypatch.setattr(field_discovery, "EXACT_ROWS", 10)
    monkeypatch.setattr(discovery_sample, "SAMPLE_ROWS", 8)
    for name in ("READ_ROWS", "SAMPLED_FIRST_ROWS"):
        monkeypatch.setattr(field_discovery, name, 10)


@pytest.fixture
def not_many(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Forty are all to be considered, but a sample is read first; for each list of types that is
    read, whether it is that of a sample."""
    monkeypatch.setattr(discovery_sample, "SAMPLE_ROWS", 8)
    monkeypatch.setattr(field_discovery, "SAMPLED_FIRST_ROWS", 10)
    reads = []

    def compile_types(scope: Scope, periods: discovery.Periods) -> Query:
        reads.append(bool(periods))
        return discovery.compile_types(scope, periods)

    monkeypatch.setattr(field_discovery, "compile_types", compile_types)
    return reads


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
        "interaction.any",
        "interaction.both.deep",
        "interaction.first",
        "interaction.object",
        "interaction.object.leaf",
        "interaction.rare.x\\.y",
        "interaction.rare.z",
        "interaction.second",
    ]
    scoped = installation.admin.get(PATH, params={"resourceType": "second"})
    assert scoped.headers["x-sample"].endswith("/20")
    assert scoped.json() == ["interaction.both.deep", "interaction.second"]


def test_details_of_a_scope_are_those_of_a_sample_only_in_a_large_table(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = {"detail": "true", "resourceType": "first"}
    monkeypatch.setattr(field_discovery, "SAMPLED_FIRST_ROWS", 10)
    monkeypatch.setattr(discovery_sample, "SAMPLE_ROWS", 8)
    monkeypatch.setattr(field_discovery, "EXACT_ROWS", 40)
    exact = installation.admin.get(PATH, params=parameters)
    assert "x-sample" not in exact.headers
    assert max(report["occurrences"] for report in exact.json()) == 20
    monkeypatch.setattr(field_discovery, "EXACT_ROWS", 39)
    sampled = installation.admin.get(PATH, params=parameters)
    assert sampled.headers["x-sample"].endswith("/20")
    # A list has the fields of all.
    assert "x-sample" not in installation.admin.get(PATH, params={"resourceType": "first"}).headers


def test_few_interactions_are_all_read(installation: Installation) -> None:
    for parameters in ({}, {"detail": "true"}, {"resourceType": "first"}):
        assert "x-sample" not in installation.admin.get(PATH, params=parameters).headers


def test_all_fields_of_a_scope_are_listed_though_a_sample_has_only_the_common_ones(
    installation: Installation, not_many: list[bool]
) -> None:
    first = installation.admin.get(PATH, params={"resourceType": "first"})
    assert "x-sample" not in first.headers
    assert first.json() == [
        "interaction.any",
        "interaction.both.deep",
        "interaction.first",
        "interaction.object.leaf",
        "interaction.rare.z",
    ]
    second = installation.admin.get(PATH, params={"resourceType": "second"})
    assert second.json() == [
        "interaction.both.deep",
        "interaction.object",
        "interaction.rare.x\\.y",
        "interaction.second",
    ]
    assert not_many == [True, True]


def test_all_payloads_of_a_scope_are_read_if_too_many_fields_are_sought(
    installation: Installation, not_many: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    sought = installation.admin.get(PATH, params={"resourceType": "first"}).json()
    monkeypatch.setattr(field_discovery, "MOST_SOUGHT", 1)
    read = installation.admin.get(PATH, params={"resourceType": "first"})
    assert read.json() == sought
    assert "x-sample" not in read.headers
    assert not_many == [True, True, False]


@pytest.mark.usefixtures("many")
def test_fields_are_those_of_a_sample_and_those_known_until_all_are_known(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = FieldTypes()
    types.add(("known",), [JsonType.STRING])
    monkeypatch.setattr(installation.runtime.engine, "field_types", types)
    answer = installation.admin.get(PATH)
    assert answer.headers["x-sample"].endswith("/40")
    assert answer.json() == [
        "interaction.both.deep",
        "interaction.first",
        "interaction.known",
        "interaction.second",
    ]


@pytest.mark.usefixtures("many")
def test_the_most_frequent_of_very_many_fields_are_those_of_a_sample(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_discovery, "DISCOVERED_FIELDS", 3)
    answer = installation.admin.get(PATH)
    assert answer.headers["x-truncated"] == "true"
    assert answer.headers["x-sample"].endswith("/40")
    assert answer.json() == ["interaction.both.deep", "interaction.first", "interaction.second"]
