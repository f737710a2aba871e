"""Checks that docs/reference names every route, member and parameter of the API."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

# Members of the payload of a bundle, which no route has.
IN_BUNDLES = {"bundleId", "firedValue", "openedAt", "sentAt"}
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def document(api: TestClient) -> dict[str, Any]:
    document: dict[str, Any] = api.get("/openapi.json").json()
    return document


@pytest.fixture(scope="module")
def words() -> set[str]:
    pages = [REFERENCE / name for name in ("semantics.md", "api.md", "alerts.md")]
    return {word for page in pages for word in re.findall(r"[\w-]+", page.read_text("utf-8"))}


def test_every_member_of_a_shape_is_in_the_reference(
    document: dict[str, Any], words: set[str]
) -> None:
    shapes = document["components"]["schemas"].items()
    missing = [
        f"{name}.{member}"
        for name, shape in shapes
        for member in shape.get("properties", {})
        if member not in words
    ]
    assert missing == []


def test_every_member_in_the_reference_is_one_of_the_api(document: dict[str, Any]) -> None:
    known = set(re.findall(r"\w+", json.dumps(document)))
    for name in ("api.md", "alerts.md"):
        text = (REFERENCE / name).read_text("utf-8")
        assert set(re.findall(r"`([a-z]+[A-Z]\w*)`", text)) - known - IN_BUNDLES == set()


def test_every_part_of_a_route_and_every_parameter_is_in_the_reference(
    document: dict[str, Any], words: set[str]
) -> None:
    parts = {
        part for path in document["paths"] for part in re.sub(r"\{\w+\}", "", path).split("/")
    } - {""}
    parameters = {
        parameter["name"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
    }
    assert (parts | parameters) - words == set()
