"""The format of packs, and the values of their parameters; no server is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.running import Completed, run_here

PACK = """\
title: Doors
summary: Doors that stay open
description: >-
  A pack of the tests.
parameters:
  door: {kind: resourceType, default: DOOR, description: the type of a door}
  opened: {kind: action, default: OPENED, description: the action of opening}
  closed: {kind: action, default: CLOSED, description: the action of closing}
  place: {kind: field, default: place, description: the place of the door}
  window: {kind: window, default: 5m, minimum: 2m, description: the window}
  hold: {kind: wait, default: 1m, maximum: window - 1m, description: the wait}
  limit: {kind: count, default: 3, minimum: 2, description: the limit}
  unit: {kind: unit, default: doors, description: the unit}
  channels: {kind: channels, default: "", description: the channels}
examples:
  - {resourceType: <door>, resourceId: d1, action: <opened>, origin: HOUSE, fields: {<place>: 7}}
---
# Doors that are open for more than <window>.
set: doors
resourceTypes: [{mnemonic: <door>}]
actions: [{mnemonic: <opened>}, {mnemonic: <closed>}]
metrics:
  - key: doors-opened  # in <window>
    name: Opened (<window>)
    description: >-
      Counted for <window>,
      by <place>.
    metricType: COUNT
    resourceType: <door>
    filters: [{field: action, operator: in, value: [<opened>, <closed>]}]
    timeWindow: <window>
    groupBy: [<place>]
    unit: <unit>
alerts:
  - key: doors-open
    title: Doors are open
    metric: doors-opened
    operator: gt
    threshold: <limit / 2>
    recoveryThreshold: <-(limit - 1) * 2>
    for: <hold>
    alertAction: fired
    channels: <channels>
    onlyWhen: [{metric: doors-opened, operator: gte, threshold: 1}]
tests:
  - name: open
    interactions:
      - {at: <window + 30s>, times: <limit>, fields: {<place>: hall}}
    expect:
      - {alert: doors-open, until: <2 * window>, transitions: []}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "doors.yaml"
    path.write_text(PACK)
    return path


def show(pack: Path, *values: str, prefix: str | None = None) -> Completed:
    prefixed = ["--prefix", prefix] if prefix else []
    return run_here("packs", "show", pack, *(f"--set={value}" for value in values), *prefixed)


def shown(pack: Path, *values: str, prefix: str | None = None) -> Any:
    done = show(pack, *values, prefix=prefix)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def test_values_are_put_into_values_texts_and_comments(pack: Path) -> None:
    text = show(pack, "window=10m", "place=at.floor", "limit=5").stdout
    assert "# Doors that are open for more than 10m.\n" in text
    assert "key: doors-opened  # in 10m\n" in text
    assert "    description: >-\n      Counted for 10m,\n" in text
    assert "#   limit     5                     the limit\n" in text
    assert '"interaction": {"at": {"floor": 7}}}' in text
    content = yaml.safe_load(text)
    (metric,) = content["metrics"]
    assert metric["name"] == "Opened (10m)"
    assert metric["groupBy"] == ["interaction.at.floor"]
    (alert,) = content["alerts"]
    assert (alert["threshold"], alert["recoveryThreshold"]) == (2.5, -8)
    assert content["tests"][0]["interactions"] == [
        {"at": "630s", "times": 5, "fields": {"interaction.at.floor": "hall"}}
    ]
    assert content["tests"][0]["expect"][0]["until"] == "20m"


def test_texts_stay_texts_whatever_they_look_like(pack: Path) -> None:
    given = ("door=true", "opened=8", "closed=a:b", "unit=#, {x} '", 'place=in."quotes", [x]')
    (metric,) = shown(pack, *given)["metrics"]
    assert metric["resourceType"] == "true"
    assert metric["filters"][0]["value"] == ["8", "a:b"]
    assert metric["unit"] == "#, {x} '"
    assert metric["groupBy"] == ['interaction.in."quotes", [x]']
    (alert,) = shown(pack, "channels=on-call, two")["alerts"]
    assert alert["channels"] == ["on-call", "two"]
    assert shown(pack)["alerts"][0]["channels"] == []


def test_a_prefix_is_part_of_every_key_name_and_reference(pack: Path) -> None:
    content = shown(pack, prefix="north")
    assert content["set"] == "north-doors"
    (metric,), (alert,) = content["metrics"], content["alerts"]
    assert (metric["key"], metric["name"]) == ("north-doors-opened", "north: Opened (5m)")
    assert (alert["key"], alert["title"]) == ("north-doors-open", "north: Doors are open")
    assert alert["metric"] == alert["onlyWhen"][0]["metric"] == "north-doors-opened"
    assert content["tests"][0]["expect"][0]["alert"] == "north-doors-open"
    assert show(pack, prefix="north").stdout.count("--prefix north") == 1
    wrong = show(pack, prefix="North-").stderr
    assert wrong.startswith("tocsin: --prefix cannot be used:\n  North-: must be at most 24 of")


def test_the_header_names_the_command_that_writes_the_file(pack: Path) -> None:
    text = show(pack, "unit=two words", "window=5m").stdout
    assert "`tocsin packs show doors --set 'unit=two words'` writes this file" in text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("windw=5m", "windw: is no parameter of the pack doors; window is; its parameters are"),
        ("Window=5m", "Window: is no parameter of the pack doors; window is;"),
        (
            "colour=red",
            "colour: is no parameter of the pack doors; its parameters are door, opened",
        ),
        ("window", "window: must be NAME=VALUE, such as window=10m"),
        ("window=5", "window: 5 is not a time window: write a whole number and m, h or d"),
        ("window=1m", "window: 1m must be at least 2m"),
        ("hold=5m", "hold: 5m must be at most 4m"),
        ("hold=90s", "hold: 90s must be whole minutes, such as 2m, or 0s"),
        ("limit=1", "limit: 1 must be at least 2"),
        ("limit=2.5", "limit: 2.5 must be a whole number from 1 to 999999"),
        ("limit=", "limit: an empty text must be a whole number"),
        ("door=a door", "door: a door must be 1 to 64 letters, digits or any of _ . : / -"),
        ("closed=opened", "closed: must not be opened, which opened is, too"),
        ("place=a..b", "place: a..b has an empty key in its path"),
        ("unit=a unit that is too long", "must be a text of 1 to 16 characters"),
    ],
)
def test_a_wrong_parameter_is_named_with_the_right_one(
    pack: Path, value: str, message: str
) -> None:
    failed = show(pack, value)
    assert failed.returncode == 1
    assert message in failed.stderr
    assert failed.stdout == ""


def test_all_wrong_parameters_are_named(pack: Path) -> None:
    failed = show(pack, "window=x", "limit=x", "window=5m")
    assert failed.stderr == "tocsin: --set cannot be used:\n  window: is given twice\n"
    both = show(pack, "window=x", "limit=x").stderr
    assert both.startswith("tocsin: The pack doors cannot be used:\n  window: x is not a")
    assert "\n  limit: x must be" in both


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        (
            6,
            "{kind: type, default: DOOR, description: x}",
            "parameters.door.kind: must be 'resourceType'",
        ),
        (7, "{kind: action, default: a b, description: x}", "opened has a default that must be"),
        (10, "{kind: window, default: 5m, minimum: 1h, description: x}", "window has a default"),
        (11, "{kind: wait, default: 1m, maximum: w - 1m, description: x}", "hold has a limit that"),
        (12, "{kind: count, default: 3}", "parameters.limit.description: is required"),
    ],
)
def test_a_wrong_header_is_named_by_file_and_line(
    pack: Path, line: int, wrong: str, message: str
) -> None:
    lines = PACK.splitlines()
    lines[line - 1] = lines[line - 1].partition(":")[0] + f": {wrong}"
    pack.write_text("\n".join(lines))
    failed = show(pack)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"tocsin: {pack}, line {line}: {message}")


@pytest.mark.parametrize(
    ("former", "wrong", "message"),
    [
        ("for: <hold>", "for: <wait>", "<wait> has no parameter wait; there are channels, closed"),
        ("more than <window>", "more than <windw>", "<windw> has no parameter windw"),
        ("<limit / 2>", "<limit / 0>", "<limit / 0> divides by 0"),
        ("<limit / 2>", "<limit + 1m>", "<limit + 1m> adds a number and a duration"),
        ("<limit / 2>", "<(limit + 1>", "<(limit + 1> lacks a closing parenthesis"),
        ("<limit / 2>", "<limit 2>", "<limit 2> has 2 where its end is expected"),
        ("<limit / 2>", "<door + 1>", "<door + 1> door is neither a number nor a duration"),
        ("<2 * window>", "<window - 1h>", "<window - 1h> gives no whole number of seconds"),
        ("by <place>.", "by <plaice>.", "<plaice> has no parameter plaice"),
    ],
)
def test_a_wrong_expression_is_named_by_file_and_line(
    pack: Path, former: str, wrong: str, message: str
) -> None:
    assert former in PACK
    pack.write_text(PACK.replace(former, wrong, 1))
    line = PACK[: PACK.index(former)].count("\n") + 1
    assert show(pack).stderr.startswith(f"tocsin: {pack}, line {line}: {message}")


def test_a_parameter_without_use_is_an_error_of_the_pack(pack: Path) -> None:
    pack.write_text(PACK.replace("unit: <unit>", "unit: doors"))
    failed = show(pack).stderr
    assert failed == f"tocsin: {pack}, line 13: unit is not used by the definitions of the pack\n"


def test_a_file_that_is_no_pack_is_named(pack: Path, tmp_path: Path) -> None:
    pack.write_text("metrics: []\n")
    assert f"{pack} is no pack: it has 1 YAML documents instead of two" in show(pack).stderr
    pack.write_text(PACK.replace("[<place>]", "[<place>"))
    assert f"{pack}, line 33, column " in show(pack).stderr
    pack.write_text(PACK.partition("\n---\n")[0] + "\n---\n[]\n")
    assert f"{pack}, line 18: must have sections of lists" in show(pack).stderr
    missing = run_here("packs", "show", tmp_path / "none.yaml").stderr
    assert missing == f"tocsin: There is no file {tmp_path}/none.yaml.\n"
    unknown = run_here("packs", "show", "login").stderr
    assert unknown.startswith("tocsin: There is no pack login. There are api, email, logins,")
