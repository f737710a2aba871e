"""A full data folder for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.deployments import IS_ON_SERVERS
from support.opening import full_folder


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_folder(tmp_path_factory.mktemp("filled") / "data")


@pytest.fixture
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A closed folder with interactions in three months: a copy of one that is filled once."""
    if IS_ON_SERVERS:
        return full_folder(tmp_path / "data")
    return Path(
        shutil.copytree(request.getfixturevalue("filled"), tmp_path / "data", symlinks=True)
    )
