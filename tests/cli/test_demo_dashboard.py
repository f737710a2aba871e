"""The output of the demo has commands to copy and readable values."""

from __future__ import annotations

import io
import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tocsin.cli.demo.dashboard import answers_table, curl_lines, header

METRIC = {"name": "Failed logins by country (5m)", "metricId": "m7"}
AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


def shown(*answers: dict[str, Any]) -> str:
    output = io.StringIO()
    Console(file=output, width=200).print(answers_table(list(answers), 12_345, AT))
    return output.getvalue()


def answer(*rows: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    results = [{"value": value, "dimensions": dimensions} for value, dimensions in rows]
    return {"metricName": "Orders (1h)", "results": results, **more}


@pytest.mark.parametrize("key", ["plain", "it's $HOME `odd`"])
def test_a_command_to_copy_survives_the_shell(key: str) -> None:
    record, calculate, calculate_all = (
        shlex.split(line) for line in curl_lines("http://h:1", key, [METRIC])
    )
    assert record[0] == "curl"
    assert f"x-api-key: {key}" in record
    assert json.loads(record[record.index("-d") + 1])["resourceType"] == "ACCOUNT"
    assert record[-1] == "http://h:1/api/interactions"
    assert calculate[-1] == "http://h:1/api/interaction-metrics/m7/calculate"
    assert calculate_all[-1] == "http://h:1/api/interaction-metrics/calculate-all"


def test_the_header_names_address_docs_key_and_folder() -> None:
    text = header("http://h:1", "secret", [METRIC], Path("/data"), "http://t:2/")
    for part in ("http://h:1/docs", "Key:  secret", "/data", "http://t:2/"):
        assert part in text


def test_a_value_is_shown_with_its_unit() -> None:
    assert "2,104" in shown(answer((2104, None)))
    assert "83.26" in shown(answer((83.2649, None)))
    assert "– " in shown(answer((None, None)))
    assert "3 per minute" in shown(answer((3, None), unit="per minute"))


def test_a_grouped_metric_is_shown_with_its_greatest_groups() -> None:
    rows = [(25, {"c": "ZA"}), (4, {"c": None})]
    text = shown(answer(*rows, truncated=True, groupCount=9))
    assert "ZA 25   (missing) 4   and 7 more" in text
    assert "–" in shown(answer())


def test_a_metric_that_fails_is_shown_as_failing() -> None:
    assert "cannot be calculated" in shown({"metricName": "Heavy", "error": {"detail": "too much"}})
