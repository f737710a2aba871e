"""The files in deploy/ name settings, credentials and paths that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tocsin.config import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = [ROOT / "Dockerfile", *sorted(path for path in DEPLOY.rglob("*") if path.is_file())]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    names = set(re.findall(r"TOCSIN_([A-Z_]+)", path.read_text()))
    settings = {name.upper() for name in Settings.model_fields}
    assert {name.removesuffix("_FILE") for name in names} <= settings


def test_the_image_is_made_of_files_that_exist() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()


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
