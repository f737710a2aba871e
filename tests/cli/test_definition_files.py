"""YAML values mean the same as in JSON, and every problem of a file is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tocsin.cli.definition_entries import read_definitions
from tocsin.cli.definition_files import InvalidDefinitions, parse_definition_file
from tocsin.cli.demo.shop import DEFINITIONS


def read(folder: Path, text: str) -> list[dict[str, Any]]:
    path = folder / "metrics.yaml"
    path.write_text(text, encoding="utf-8")
    return read_definitions(path)


def problems_of(folder: Path, text: str) -> str:
    with pytest.raises(InvalidDefinitions) as caught:
        read(folder, text)
    return str(caught.value)


@pytest.mark.parametrize(
    "text", ["[{name: A}]", "metrics: [{name: A}]", '{"metrics":[{"name":"A"}]}']
)
def test_a_list_may_be_the_whole_file_or_under_metrics(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [{"name": "A"}]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2026-03-20", "2026-03-20"),
        ("5m", "5m"),
        ("'3'", "3"),
        ("true", True),
        ("null", None),
        ("", None),
        ("3", 3),
        ("-1.5e3", -1500.0),
        ("1e3", 1000.0),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_a_value_has_the_same_meaning_as_in_json(
    tmp_path: Path, written: str, value: object
) -> None:
    (metric,) = read(tmp_path, f"- name: A\n  value: {written}\n")
    assert metric["value"] == value
    assert type(metric["value"]) is type(value)


def test_members_that_only_responses_have_are_ignored(tmp_path: Path) -> None:
    text = '[{"name":"A","metricId":"1","createdDate":"2","modifiedDate":"3","field":"userId"}]'
    assert read(tmp_path, text) == [{"name": "A", "field": "userId"}]


def test_members_can_be_shared_between_metrics(tmp_path: Path) -> None:
    text = "- &a {name: A, timeWindow: 5m}\n- {<<: *a, name: B}\n"
    assert read(tmp_path, text)[1] == {"name": "B", "timeWindow": "5m"}


def test_a_name_that_occurs_twice_is_rejected(tmp_path: Path) -> None:
    assert "line 1: A: name: A is defined twice" in problems_of(tmp_path, "[{name: A}, {name: A}]")


def test_every_metric_without_a_valid_name_is_reported(tmp_path: Path) -> None:
    message = problems_of(tmp_path, "[{field: a}, {name: 5}, 7, {name: ''}, {name: B}]")
    for number in (0, 1):
        assert f"line 1: metrics[{number}]: name: must be text" in message
    assert "line 1: metrics[2]: must be an object" in message
    assert message.count("name: must be text of 1 to 200 characters") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- name: A\n  name: B\n", "line 2, column 3: name occurs twice"),
        ("- 1: A\n", "line 1, column 3: a key must be text"),
        ("- name: A\n  value: 1e999\n", "line 2, column 10: 1e999 exceeds the range of a double"),
        ("- name: [A\n", "line 2, column 1"),
        ("- name: *a\n", "line 1, column 9"),
        ("- name: !!python/object:os.system a\n", "line 1, column 9"),
        ("just text", "must be a list of metrics"),
        ("", "must be a list of metrics"),
        ("{metrics: [], more: 1}", "line 1: more: is not a section"),
        ("a: \x01", "is not valid YAML"),
    ],
)
def test_an_error_in_a_file_names_its_position(tmp_path: Path, text: str, message: str) -> None:
    assert message in problems_of(tmp_path, text)


def test_a_missing_or_binary_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinitions, match="There is no file"):
        read_definitions(tmp_path / "none.yaml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidDefinitions, match="is not UTF-8"):
        read_definitions(tmp_path / "binary")


def test_the_metrics_of_the_demo_can_be_read() -> None:
    assert len(read_definitions(DEFINITIONS)) >= 10


def test_each_path_has_its_line_and_unknown_ones_that_of_what_contains_them() -> None:
    text = """
set: shop
alerts:
  - title: A
    onlyWhen:
      - {metric: M,
         operator: gt}
  - &b
    title: B
  - *b
"""
    file = parse_definition_file(text, "shop.yaml")
    assert file.line_of("set") == 2
    assert file.line_of("alerts[0].onlyWhen[0].operator") == 7
    assert file.line_of("alerts[0].onlyWhen[0].threshold") == 6
    assert file.line_of("alerts[1].title") == 9
    # An alias has the line of the definition that it names.
    assert file.line_of("alerts[2].title") == 8
    assert file.line_of("metrics[0]") is None


def test_aliases_of_aliases_cost_no_more_than_their_text() -> None:
    lines = ["a0: &a0 [1, 1]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    count = len(parse_definition_file("\n".join(lines), "bomb.yaml").lines)
    assert count < 200
