"""Checks of an sdist and a wheel: their files, their metadata, and that they name no machine."""

from __future__ import annotations

import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.metadata import InvalidMetadata, Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Project:
    """A project of this repository that is distributed."""

    name: str
    folder: str
    documents: frozenset[str]
    """The files of the sdist besides the package: texts for its reader."""

    @property
    def package(self) -> str:
        return self.name.replace("-", "_")

    @property
    def table(self) -> Mapping[str, Any]:
        """The table `project` of its pyproject.toml."""
        text = (ROOT / self.folder / "pyproject.toml").read_text("utf-8")
        table: Mapping[str, Any] = tomllib.loads(text)["project"]
        return table

    def sources(self) -> set[str]:
        """The files of the package that git tracks or would track, relative to `src`."""
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."]
        folder = ROOT / self.folder / "src"
        listed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return {path for path in listed.stdout.splitlines() if (folder / path).exists()}


PROJECTS = [
    Project("tocsin", ".", frozenset({"CHANGELOG.md", "LICENSE", "README.md"})),
    Project("tocsin-client", "clients/python", frozenset({"LICENSE", "README.md"})),
]
# Hatchling adds these to every sdist.
_OF_EVERY_SDIST = {"PKG-INFO", "pyproject.toml", ".gitignore"}


def problems_of_sdist(path: Path, project: Project) -> list[str]:
    with tarfile.open(path) as archive:
        members = {
            member.name.partition("/")[2]: archive.extractfile(member).read()  # type: ignore[union-attr]  # isfile() excludes None
            for member in archive
            if member.isfile()
        }
    expected = {f"src/{name}" for name in project.sources()} | project.documents | _OF_EVERY_SDIST
    problems = [
        *_differences(set(members), expected),
        *_named_machines(members),
        *_metadata_problems(members.get("PKG-INFO", b""), project),
    ]
    return [f"{path.name}: {problem}" for problem in problems]


def problems_of_wheel(path: Path, project: Project) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    information = _information_folder(set(members))
    scripts = {"entry_points.txt"} if "scripts" in project.table else set()
    generated = {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"} | scripts
    expected = project.sources() | {f"{information}/{name}" for name in generated}
    problems = [
        *_differences(set(members), expected),
        *_named_machines(members),
        *_metadata_problems(members.get(f"{information}/METADATA", b""), project),
    ]
    return [f"{path.name}: {problem}" for problem in problems]


def _information_folder(names: set[str]) -> str:
    folders = {name.partition("/")[0] for name in names}
    return next((folder for folder in folders if folder.endswith(".dist-info")), "no.dist-info")


def _differences(names: set[str], expected: set[str]) -> Iterator[str]:
    for name in sorted(expected - names):
        yield f"{name} is missing"
    for name in sorted(names - expected):
        yield f"{name} does not belong into it"


def _named_machines(members: Mapping[str, bytes]) -> Iterator[str]:
    """Files with the path of this work tree, which a build has no reason to contain."""
    for name, content in sorted(members.items()):
        if str(ROOT).encode() in content:
            yield f"{name} contains the path of the work tree"


def _metadata_problems(text: bytes, project: Project) -> Iterator[str]:
    table = project.table
    try:
        metadata = Metadata.from_email(text, validate=True)
    except (ExceptionGroup, InvalidMetadata) as error:
        yield f"invalid metadata: {error}"
        return
    given = {
        "Name": (metadata.name, project.name),
        "Version": (str(metadata.version), _version(project)),
        "License-Expression": (metadata.license_expression, "Apache-2.0"),
        "License-File": (metadata.license_files, ["LICENSE"]),
        "Requires-Python": (metadata.requires_python, SpecifierSet(table["requires-python"])),
        "Description-Content-Type": (metadata.description_content_type, "text/markdown"),
        "Description": (
            (metadata.description or "").strip(),
            (ROOT / project.folder / table["readme"]).read_text("utf-8").strip(),
        ),
    }
    for name, (value, expected) in given.items():
        if value != expected:
            yield f"{name} is {value!r} instead of {expected!r}"
    required = set(metadata.requires_dist or [])
    for dependency in sorted(set(map(Requirement, table["dependencies"])) - required, key=str):
        yield f"Requires-Dist lacks {dependency}"


def _version(project: Project) -> str:
    """The version that the package itself names."""
    package = ROOT / project.folder / "src" / project.package
    (defining,) = (
        text
        for name in ("__init__.py", "_version.py")
        if (package / name).exists()
        and '__version__ = "' in (text := (package / name).read_text("utf-8"))
    )
    return defining.partition('__version__ = "')[2].partition('"')[0]
