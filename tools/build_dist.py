"""Builds the distributions of Tocsin and of its Python client, and checks them.

    python tools/build_dist.py dist      the folder to write to, as `make dist` does

Each sdist is built from the work tree, and each wheel from the unpacked sdist. Everything is built
twice: the same commit gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from dist_checks import PROJECTS, Project, problems_of_sdist, problems_of_wheel

ROOT = Path(__file__).resolve().parent.parent


def build(project: Project, target: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it, in `target`."""
    sdist = _hatchling("sdist", ROOT / project.folder, target)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        wheel = _hatchling("wheel", unpacked, target)
    return sdist, wheel


def _hatchling(kind: str, project: Path, target: Path) -> Path:
    before = set(target.iterdir())
    build = [sys.executable, "-m", "hatchling", "build"]
    command = [*build, "--target", kind, "--directory", str(target)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _commit_time()}
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    (distribution,) = set(target.iterdir()) - before
    return distribution


def _commit_time() -> str:
    command = ["git", "log", "-1", "--format=%ct"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return shown.stdout.strip()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_and_check(target: Path) -> list[str]:
    """Build every project into `target`; answers the problems of the distributions."""
    problems = []
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for project in PROJECTS:
            sdist, wheel = build(project, Path(first))
            problems += problems_of_sdist(sdist, project) + problems_of_wheel(wheel, project)
            for path, again in zip((sdist, wheel), build(project, Path(second)), strict=True):
                if _digest(path) != _digest(again):
                    problems.append(f"{path.name}: a second build has other bytes")
                shutil.copy(path, target)
                print(f"{_digest(path)}  {target / path.name}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Build and check the distributions.")
    parser.add_argument("target", type=Path, help="the folder to write to")
    problems = build_and_check(parser.parse_args().target)
    print(*problems, sep="\n", end="")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
