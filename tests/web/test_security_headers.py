"""The YAML and the curl command of a metric's page define the same metric."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from support import nasty_definitions as nasty
from tocsin.cli.definition_entries import read_definitions
from tocsin.web.metric_export import as_curl, as_yaml

TEXTS = ("1e3", "NO", "null", "~", "0o14", ".inf", "2026-03-20", "12:30", "it's", "- a", "ü\n", "")


@pytest.mark.parametrize("text", TEXTS)
def test_a_definition_is_the_same_as_yaml_and_in_a_shell(text: str, tmp_path: Path) -> None:
    filters = [
        {"field": "interaction.a", "operator": "in", "value": [text, 3, 1.5, True, None, 10**30]},
        {"field": "interaction.a", "operator": "eq", "value": text},
    ]
    definition = {"name": "n", "metricType": "COUNT", "filters": filters, "enabled": False}
    (tmp_path / "metrics.yaml").write_text(as_yaml(definition))
    assert read_definitions(tmp_path / "metrics.yaml") == [definition]
    command = shlex.split(as_curl(definition, "http://127.0.0.1:8420"))
    assert json.loads(command[command.index("-d") + 1]) == definition


@given(definition=nasty.metrics())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_definition_can_be_pasted_back(definition: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "metrics.yaml").write_text(as_yaml(definition), encoding="utf-8", newline="")
    # Compared as text, because 12 equals 12.0 and 1 equals true.
    assert repr(read_definitions(tmp_path / "metrics.yaml")) == repr([definition])
    command = shlex.split(as_curl(definition, "http://127.0.0.1:8420"))
    assert repr(json.loads(command[command.index("-d") + 1])) == repr(definition)
