"""The files in deploy/ name settings, services, secrets and paths that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tocsin.config import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = [ROOT / "Dockerfile", *sorted(path for path in DEPLOY.rglob("*") if path.is_file())]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    names = set(re.findall(r"TOCSIN_([A-Z_]+)", path.read_text()))
    settings = {name.upper() for name in Settings.model_fields}
    assert {name.removesuffix("_FILE") for name in names} <= settings


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_refers_to_declared_services_secrets_and_volumes(name: str) -> None:
    service = SERVICES[name]
    assert service.get("depends_on", {}).keys() <= SERVICES.keys()
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        is_file = source.startswith("./")
        assert (DEPLOY / source).is_file() if is_file else source in COMPOSE["volumes"]
    for variable, value in service.get("environment", {}).items():
        if variable.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in service["secrets"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_another_one_needs_healthy_has_a_health_check(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy" and "build" not in SERVICES[needed]:
            assert "healthcheck" in SERVICES[needed]


def test_the_proxy_forwards_to_every_node() -> None:
    (forwarded,) = re.findall(r"reverse_proxy (.+) \{", (DEPLOY / "Caddyfile").read_text())
    nodes = {name for name in SERVICES if name.startswith("node-")}
    assert set(forwarded.split()) == {f"{name}:8420" for name in nodes}


def test_the_example_of_a_cluster_has_the_servers_of_the_documented_url() -> None:
    cluster = ElementTree.parse(DEPLOY / "clickhouse-cluster.xml").find("remote_servers/main")
    assert cluster is not None
    replicas = [len(shard.findall("replica")) for shard in cluster.findall("shard")]
    assert replicas == [2, 2]
    text = (ROOT / "docs/how-to/run-on-servers.md").read_text()
    (hosts,) = re.findall(r"clickhouses://\S+@(\S+)/tocsin\?cluster=main", text)
    named = [host.text for host in cluster.iter("host")]
    assert named == [server.partition(":")[0] for server in hosts.split(",")]


def test_the_image_is_made_of_files_that_exist() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()


def test_the_urls_made_of_passwords_are_accepted(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "write-urls", tmp_path)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("clickhouse-password", "postgres-password"):
        (secrets / name).write_text("0123abcd\n")
    subprocess.run([tmp_path / "write-urls"], check=True, capture_output=True)
    assert {path.name for path in secrets.iterdir()} | {"admin-key"} == COMPOSE["secrets"].keys()
    settings = Settings.load(
        database_url=(secrets / "database-url").read_text().strip(),
        clickhouse_url=(secrets / "clickhouse-url").read_text().strip(),
    )
    assert settings.is_server_mode


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_the_unit(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    # The program is not installed here, and systemd requires that it is.
    copy.write_text(unit.read_text().replace("/opt/tocsin/bin/tocsin", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60
    )
    assert checked.stderr == ""
    assert checked.returncode == 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_loads_every_credential_that_it_refers_to(unit: Path) -> None:
    text = unit.read_text()
    assert set(re.findall(r"%d/(\S+)", text)) == set(
        re.findall(r"^LoadCredential=([^:]+):", text, re.MULTILINE)
    )
