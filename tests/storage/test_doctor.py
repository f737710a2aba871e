"""`tocsin doctor` examines a data folder; that it examines servers is tested on servers."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.running import run_tocsin
from tocsin.config import Settings
from tocsin.runtime import Runtime
from tocsin.storage.doctor import examine


def problems(folder: Path) -> list[str]:
    return [problem for each in examine(Settings(data_dir=folder)) for problem in each.problems]


def test_a_folder_that_does_not_exist_yet_is_no_problem(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert problems(folder) == []
    assert not folder.exists()


def test_an_open_folder_is_examined_while_it_is_used(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    states = {each.name: each.state for each in examine(Settings(data_dir=tmp_path))}
    runtime.close()
    assert "is in use by process" in states["data folder"]
    assert states["store"].startswith("folder id ")
    assert problems(tmp_path) == []


def test_a_missing_engine_is_a_problem_and_the_exit_code_is_1(tmp_path: Path) -> None:
    Runtime(Settings(data_dir=tmp_path)).close()
    shutil.rmtree(tmp_path / "engine")
    assert problems(tmp_path) == [
        "engine/ is missing, but store.sqlite belongs to a folder that had one"
    ]
    examined = run_tocsin("doctor", environment={"TOCSIN_DATA_DIR": str(tmp_path)})
    assert examined.returncode == 1
    assert "engine/ is missing" in examined.stdout
