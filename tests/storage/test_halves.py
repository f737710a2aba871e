"""A folder whose halves do not match, or whose store is damaged, is rejected with one sentence."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from support.deployments import folder_only
from support.opening import fill, opened, readiness, refusal
from tocsin.model.interactions.catalog import Kind

pytestmark = folder_only


@pytest.mark.parametrize("remains", ["nothing", "an empty file", "a file without tables"])
def test_a_missing_store_is_rejected_until_it_is_accepted(full: Path, remains: str) -> None:
    store = full / "store.sqlite"
    store.unlink()
    if remains == "an empty file":
        store.touch()
    elif remains == "a file without tables":
        with sqlite3.connect(store) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    for _ in range(2):
        message = refusal(full)
        assert "store.sqlite is missing or empty, but engine/ holds 30 interactions" in message
        assert "--accept-new-store" in message
    with opened(full, accept_new_store=True) as runtime:
        assert runtime.engine.rows() == 30
    with opened(full) as runtime:
        assert readiness(runtime) == {"status": "ready"}


@pytest.mark.parametrize("remains", ["nothing", "an empty folder"])
def test_a_missing_engine_is_rejected_until_it_is_accepted(full: Path, remains: str) -> None:
    shutil.rmtree(full / "engine")
    if remains == "an empty folder":
        (full / "engine").mkdir()
    for _ in range(2):
        message = refusal(full)
        assert "engine/ is missing or empty" in message
        assert "--accept-new-engine" in message
    with opened(full, accept_new_engine=True) as runtime:
        fill(runtime, "2026-03", 1)
        assert runtime.engine.latest_number() == 31
        assert "A" in [entry.mnemonic for entry in runtime.catalog.entries(Kind.RESOURCE_TYPE)]
    with opened(full) as runtime:
        assert readiness(runtime) == {"status": "ready"}


@pytest.mark.parametrize("accepted", ["accept_new_store", "accept_new_engine"])
def test_halves_of_two_folders_are_rejected_until_they_are_accepted(
    full: Path, tmp_path: Path, accepted: str
) -> None:
    with opened(tmp_path / "other") as runtime:
        fill(runtime, "2026-01", 1)
    shutil.copy(tmp_path / "other" / "store.sqlite", full / "store.sqlite")
    assert "belong to two different data folders" in refusal(full)
    with opened(full, **{accepted: True}) as runtime:
        assert runtime.engine.rows() == 30
    with opened(full) as runtime:
        assert readiness(runtime)["status"] in ("ready", "degraded")


def test_a_folder_of_a_version_without_ids_gets_one(full: Path) -> None:
    with sqlite3.connect(full / "store.sqlite") as store:
        store.execute("DELETE FROM facts")
    (table,) = (full / "engine").glob("store/*/*/interactions.sql")
    table.write_text(table.read_text().split("\nCOMMENT ")[0] + "\n")
    with opened(full) as runtime:
        assert readiness(runtime) == {"status": "ready"}
    assert "\nCOMMENT " in table.read_text()
    (full / "store.sqlite").unlink()
    assert "holds 30 interactions" in refusal(full)


def test_a_first_start_that_ended_before_the_store_was_created_is_repeated(tmp_path: Path) -> None:
    with opened(tmp_path / "data"):
        pass
    (tmp_path / "data" / "store.sqlite").unlink()
    (table,) = (tmp_path / "data" / "engine").glob("store/*/*/interactions.sql")
    table.write_text(table.read_text().split("\nCOMMENT ")[0] + "\n")
    with opened(tmp_path / "data") as runtime:
        assert readiness(runtime) == {"status": "ready"}


@pytest.mark.parametrize("damage", ["a letter", "cut", "a page overwritten"])
def test_a_damaged_store_is_rejected_with_one_sentence(full: Path, damage: str) -> None:
    store = full / "store.sqlite"
    if damage == "a letter":
        store.write_text("this is a letter to my aunt, and no database at all" * 100)
    elif damage == "cut":
        os.truncate(store, store.stat().st_size // 2)
    else:
        with store.open("r+b") as file:
            file.seek(4096 * 3)
            file.write(b"\xff" * 4096)
    message = refusal(full)
    assert "store.sqlite is damaged, or no SQLite file" in message
    assert "docs/how-to/recover.md" in message


def test_a_backup_of_the_stopped_folder_is_restored_as_it_was(full: Path, tmp_path: Path) -> None:
    shutil.copytree(full, tmp_path / "backup", symlinks=True)
    with opened(full) as runtime:
        fill(runtime, "2026-03", 5)
    shutil.rmtree(full)
    shutil.copytree(tmp_path / "backup", full, symlinks=True)
    with opened(full) as runtime:
        assert (runtime.engine.rows(), readiness(runtime)) == (30, {"status": "ready"})
