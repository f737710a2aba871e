"""The packs of Tocsin: their unit tests, and their alerts on a real server with other names."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.pack_values import VALUES, arguments, incident, recovery, revenue
from support.running import Run, run_here
from tocsin.cli.apply_command import CHANGES
from tocsin.cli.definition_files import DefinitionFile, read_yaml_text
from tocsin.cli.test_command import run_tests

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "use-packs.md"
PACKS = sorted(VALUES)
SECTIONS = ("metrics", "alerts")
# Its second metric counts the interactions of all packs.
OF_ALL_ORIGINS = "silence"


def shown(pack: str, *options: str) -> str:
    done = run_here("packs", "show", pack, *options)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def merged(contents: Iterable[Any]) -> dict[str, Any]:
    """One file of several packs whose n-th tests are one test, as each opens a data folder. The
    tests add what is missing in the catalog."""
    whole: dict[str, Any] = {section: [] for section in SECTIONS}
    tests: list[dict[str, Any]] = []
    for content in contents:
        for section in SECTIONS:
            whole[section] += content.get(section, [])
        for number, test in enumerate(content["tests"]):
            if number == len(tests):
                tests.append({"name": "", "interactions": [], "expect": []})
            for member in ("name", "interactions", "expect"):
                tests[number][member] += test[member]
    return {**whole, "tests": tests}


def test_the_unit_tests_of_every_pack_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """With the defaults, and beside them with other values."""
    packs = [pack for pack in PACKS if pack != OF_ALL_ORIGINS]
    texts = [shown(pack) for pack in packs]
    texts += [shown(pack, *arguments(pack), "--prefix", "other") for pack in packs]
    content = merged(read_yaml_text(text, "packs") for text in texts)
    assert len(content["alerts"]) == 2 * 22
    _, failed = run_tests(DefinitionFile("packs", content))
    assert not failed, capsys.readouterr().out


def test_packs_are_listed_with_their_contents() -> None:
    listed = run_here("packs", "list").stdout
    for pack in PACKS:
        content = yaml.safe_load(shown(pack))
        counts = [str(len(content[section])) for section in ("metrics", "alerts", "tests")]
        (row,) = re.findall(rf"│ {pack} +│.*", listed)
        assert [cell.strip() for cell in row.strip("│").split("│")][2:] == counts


@pytest.mark.parametrize("pack", PACKS)
def test_every_definition_of_a_pack_has_a_key_with_its_name(pack: str) -> None:
    content = yaml.safe_load(shown(pack))
    assert content["set"] == pack
    keys = [each["key"] for section in ("metrics", "alerts") for each in content[section]]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(f"{pack}-") for key in keys)
    tested = {e.get("alert") for test in content["tests"] for e in test["expect"]}
    assert {alert["key"] for alert in content["alerts"]} <= tested
    page = HOW_TO.read_text(encoding="utf-8")
    assert f"| `{pack}` |" in page


def test_the_tests_of_a_pack_run_with_the_values_of_the_user() -> None:
    done = run_here("packs", "test", "silence", *arguments("silence"), "--prefix", "till")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 tests, all passed.\n")


def test_the_documented_pack_works(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(title: Doors\n.*?)```", HOW_TO.read_text(), re.DOTALL)
    pack = tmp_path / "doors.yaml"
    pack.write_text(text)
    done = run_here("packs", "test", pack, "--set", "limit=5")
    assert done.returncode == 0, done.stdout + done.stderr
    pack.write_text(text.replace("status: OK", "status: FIRING"))
    failed = run_here("packs", "test", pack)
    assert failed.returncode == 1
    assert "FAIL  one place" in failed.stdout


@pytest.fixture(scope="module")
def applied(server: Any) -> dict[str, str]:
    """Every pack with other values than its defaults; the output of each command."""
    environment = {"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key}
    outputs = {}
    for pack in PACKS:
        options = [*arguments(pack), "--yes"]
        done = run_here("packs", "apply", pack, *options, environment=environment)
        assert done.returncode == 0, done.stderr
        outputs[pack] = done.stdout
    return outputs


def record(server: Any, interactions: Iterable[Any]) -> None:
    with server.client() as client:
        answer = client.post("/api/interactions/batch", json=list(interactions)).json()
        assert answer["rejected"] == []


def evaluated(server: Any) -> set[str]:
    """The titles of the alerts that fire after an evaluation of all."""
    with server.client() as client:
        results = client.post("/api/interaction-alerts/evaluate-all").json()["results"]
        assert {result["health"] for result in results} == {"OK"}
        firing = client.get("/api/interaction-alerts/firing?limit=1000").json()["firing"]
    return {group["alertTitle"] for group in firing}


def titles() -> set[str]:
    contents = [yaml.safe_load(shown(pack, *arguments(pack))) for pack in PACKS]
    return {alert["title"] for content in contents for alert in content["alerts"]}


def wait_until_firing(server: Any, expected: set[str]) -> None:
    deadline = time.monotonic() + 90
    while (firing := evaluated(server)) != expected and time.monotonic() < deadline:
        time.sleep(1)
    assert firing == expected


@pytest.mark.usefixtures("applied")
def test_every_alert_fires_and_recovers_with_the_names_of_the_user(server: Any) -> None:
    revenue_dropped = "Revenue has dropped, orders have not"
    record(server, incident(datetime.now(UTC)))
    assert evaluated(server) == titles() - {revenue_dropped}
    record(server, recovery(datetime.now(UTC)))
    wait_until_firing(server, {revenue_dropped})
    record(server, revenue(datetime.now(UTC)))
    assert evaluated(server) == set()


def test_applying_a_pack_again_is_an_empty_plan(
    applied: dict[str, str], at_server: Run, tmp_path: Path
) -> None:
    for pack in PACKS:
        assert "create" in applied[pack]
        again = at_server("packs", "apply", pack, *arguments(pack))
        assert again.returncode == 0, again.stderr
        assert {line.split()[0] for line in plan_of(again.stdout)} == {"unchanged"}
        file = tmp_path / f"{pack}.yaml"
        file.write_text(shown(pack, *arguments(pack)))
        as_file = at_server("apply", file)
        assert as_file.returncode == 0, as_file.stderr
        assert {line.split()[0] for line in plan_of(as_file.stdout)} == {"unchanged"}


def plan_of(output: str) -> list[str]:
    verbs = ("create", "change", "unchanged", "delete")
    return [line for line in output.splitlines() if line.startswith(verbs)]


@pytest.mark.usefixtures("applied")
def test_a_pack_with_a_prefix_is_independent_of_the_same_pack(server: Any, at_server: Run) -> None:
    other = ["type=Partner", *(value for value in VALUES["payments"] if "type=" not in value)]
    options = [*(f"--set={value}" for value in other), "--prefix", "partner"]
    planned = at_server("packs", "apply", "payments", *options, "--dry-run")
    assert planned.returncode == CHANGES, planned.stderr
    verbs = {line.split()[0] for line in plan_of(planned.stdout)}
    assert "change" not in verbs
    done = at_server("packs", "apply", "payments", *options, "--yes")
    assert done.returncode == 0, done.stderr
    with server.client() as client:
        keys = {metric["key"] for metric in client.get("/api/interaction-metrics").json()}
    assert {"payments-refunds", "partner-payments-refunds"} <= keys
    changed = at_server("packs", "apply", "payments", *options, "--set=window=3m", "--dry-run")
    assert changed.returncode == 1
    assert "window: is given twice" in changed.stderr


@pytest.mark.usefixtures("applied")
def test_other_values_change_the_definitions_in_place(server: Any, at_server: Run) -> None:
    before = by_key(server)
    other = [value for value in VALUES["silence"] if "window=" not in value]
    options = [*(f"--set={value}" for value in other), "--set=window=3m"]
    done = at_server("packs", "apply", "silence", *options, "--yes")
    assert done.returncode == 0, done.stderr
    after = by_key(server)
    assert after.keys() == before.keys()
    metric = after["silence-interactions"]
    assert metric["name"] == "Interactions from till-7 (3m)"
    assert metric["metricId"] == before["silence-interactions"]["metricId"]


def by_key(server: Any) -> dict[str, Any]:
    with server.client() as client:
        return {metric["key"]: metric for metric in client.get("/api/interaction-metrics").json()}


@pytest.mark.usefixtures("applied")
def test_a_mnemonic_that_looks_like_a_mistake_is_named(at_server: Run) -> None:
    typo = at_server("packs", "apply", "logins", "--set=login=signed.inn", "--dry-run")
    assert typo.returncode == CHANGES, typo.stderr
    assert (
        "the catalog has no action signed.inn, but signed.in: --set login=signed.in" in typo.stderr
    )
    capitals = at_server("packs", "apply", "logins", "--set=type=PERSON", "--dry-run")
    assert capitals.returncode == 1
    assert "type: PERSON is Person in the catalog; write it so" in capitals.stderr


@pytest.mark.usefixtures("applied")
def test_the_titles_of_the_catalog_stay_those_of_the_user(server: Any, at_server: Run) -> None:
    with server.client() as client:
        (entry,) = [e for e in client.get("/api/origins").json() if e["mnemonic"] == "till-7"]
        assert entry["title"] == "till-7"
        body = {"mnemonic": "till-7", "title": "Till at the door"}
        client.put(f"/api/origins/{entry['originId']}", json=body).raise_for_status()
    again = at_server("packs", "apply", "silence", *arguments("silence"), "--yes")
    assert again.returncode == 0, again.stderr
    with server.client() as client:
        renamed = client.get(f"/api/origins/{entry['originId']}").json()
    assert renamed["title"] == "Till at the door"


@pytest.mark.usefixtures("applied")
def test_the_examples_of_a_pack_have_every_field_that_it_measures(
    server: Any, at_server: Run
) -> None:
    for pack in PACKS:
        lines = re.findall(r"^#   (\{.*\})$", shown(pack, *arguments(pack)), re.MULTILINE)
        assert lines
        record(server, map(json.loads, lines))
        # A changed definition is checked against the interactions of the last days.
        options = [*arguments(pack), "--prefix", "x", "--dry-run"]
        planned = at_server("packs", "apply", pack, *options)
        assert planned.returncode == CHANGES, planned.stderr
        assert "has never occurred" not in planned.stderr


def test_a_pack_that_the_server_rejects_changes_nothing(
    server: Any, at_server: Run, tmp_path: Path
) -> None:
    text = re.findall(r"```yaml\n(title: Doors\n.*?)```", HOW_TO.read_text(), re.DOTALL)[0]
    pack = tmp_path / "doors.yaml"
    pack.write_text(text.replace("operator: gt", "operator: above"))
    before = by_key(server)
    failed = at_server("packs", "apply", pack, "--set=opened=swung", "--yes")
    assert failed.returncode == 1
    line = pack.read_text().split("operator: above")[0].count("\n") + 1
    assert f"{pack} cannot be applied:\n  line {line}: Doors open often: operator" in failed.stderr
    assert by_key(server).keys() == before.keys()
