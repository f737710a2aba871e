"""The distributions that `make dist` builds: complete, equal for equal commits, and installable.

docs/how-to/install.md describes them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from build_dist import build_and_check
from dist_checks import PROJECTS, problems_of_wheel
from support.serving import Server
from tocsin import __version__
from tocsin.cli.packs.library import built_in_names

ROOT = Path(__file__).parents[2]
TOCSIN = PROJECTS[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the distributions, which have no problems."""
    folder = tmp_path_factory.mktemp("dist")
    assert build_and_check(folder) == []
    return folder


def wheel_in(folder: Path, package: str = "tocsin") -> Path:
    (path,) = folder.glob(f"{package}-*.whl")
    return path


def run_in(
    folder: Path, *command: object, environment: Mapping[str, str] = {}, patience: float = 60
) -> str:
    """The output of a command that succeeds in a folder, without variables of this project."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TOCSIN_", "PYTHON"))}
    completed = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=patience,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def test_a_wheel_that_lacks_a_template_or_has_a_file_of_the_machine_is_rejected(
    built: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / wheel_in(built).name
    with zipfile.ZipFile(wheel_in(built)) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            if not name.endswith("overview.html"):
                target.writestr(name, source.read(name))
        target.writestr("tocsin/notes.txt", f"built in {ROOT}")
    assert problems_of_wheel(damaged, TOCSIN) == [
        f"{damaged.name}: tocsin/web/templates/overview.html is missing",
        f"{damaged.name}: tocsin/notes.txt does not belong into it",
        f"{damaged.name}: tocsin/notes.txt contains the path of the work tree",
    ]


def test_the_installed_wheel_shows_its_version_and_serves_pages_and_static_files(
    built: Path, tmp_path: Path
) -> None:
    """Its dependencies are those of this environment, in which Tocsin itself is not a file."""
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    wheels = (wheel_in(built), wheel_in(built, "tocsin_client"))
    run_in(tmp_path, *pip, "--no-deps", "--no-index", *wheels)
    environment = {"PYTHONPATH": sysconfig.get_path("purelib")}
    tocsin = python.with_name("tocsin")
    shown = run_in(tmp_path, tocsin, "--version", environment=environment)
    assert shown == f"tocsin {__version__}\n"
    listed = run_in(tmp_path, tocsin, "packs", "list", environment=environment)
    assert re.findall(r"^│ (\w+)", listed, re.MULTILINE) == built_in_names()
    for package in ("tocsin", "tocsin_client"):
        code = f"import {package}; print({package}.__file__)"
        place = run_in(tmp_path, python, "-c", code, environment=environment)
        assert place.startswith(str(tmp_path / "venv"))

    server = Server(tmp_path / "data", environment, program=(str(tocsin),))
    server.start()
    try:
        with server.client() as client:
            page = client.get("/web/sign-in")
            assert page.status_code == 200
            static = re.findall(r'(?:src|href)="(/[^"]*static[^"]+)"', page.text)
            assert static
            assert {client.get(path).status_code for path in static} == {200}
    finally:
        server.stop()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_pipx_and_uvx_install_the_wheel_and_run_the_demo(built: Path, tmp_path: Path) -> None:
    """With the newest dependencies that the wheel permits, as people install it."""
    venv.create(tmp_path / "tools", symlinks=True, with_pip=True)
    tools = tmp_path / "tools" / "bin"
    run_in(tmp_path, tools / "pip", "install", "--quiet", "pipx", "uv", patience=300)
    home = tmp_path / "home"
    clean = tmp_path / "clean"
    clean.mkdir()
    environment = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(home),
        "PIPX_HOME": str(home / "pipx"),
        "PIPX_BIN_DIR": str(home / "bin"),
        # The latest Python that uv knows may lack wheels of a dependency.
        "UV_CACHE_DIR": str(home / "uv"),
        "UV_PYTHON": sys.executable,
        # pip and uv otherwise read their configuration from the home folder.
        **{k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_"))},
    }
    wheel = wheel_in(built)
    run_in(clean, tools / "pipx", "install", wheel, environment=environment, patience=600)
    shown = run_in(clean, home / "bin" / "tocsin", "--version", environment=environment)
    assert shown == f"tocsin {__version__}\n"
    demo = ("demo", "--port", "0", "--seconds", "2", "--history", "2")
    uvx = (tools / "uvx", "--from", wheel, "tocsin")
    for tocsin in ((home / "bin" / "tocsin",), uvx):
        output = run_in(clean, *tocsin, *demo, environment=environment, patience=600)
        assert "Tocsin runs at http://127.0.0.1:" in output
    assert list(clean.iterdir()) == []
    shutil.rmtree(home)
