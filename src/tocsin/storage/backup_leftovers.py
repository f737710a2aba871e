"""The files and folders in a data folder that no backup has, and that a crash may leave."""

from __future__ import annotations

import shutil
from pathlib import Path

from tocsin.errors import IncompleteFolder

WORK = "backup"
"""The copies of small files that a backup reads."""

FROZEN = "tocsin_backup"
"""The name of the links to the parts of a backup, in the folder `engine/shadow`."""

ID_FILTER = "id-filter"
"""The filter of recorded ids; it is checked against the engine, so that any may stay."""

RESTORING = "restoring"
"""The copy that a restore makes, until it is complete."""


def remove_leftovers(folder: Path) -> None:
    """Remove the files of a backup that ended, or that a crash cut off."""
    for path in (folder / WORK, folder / "engine" / "shadow" / FROZEN):
        shutil.rmtree(path, ignore_errors=True)


def require_restored(folder: Path) -> None:
    """Raises IncompleteFolder if a restore into the folder did not end."""
    if (folder / RESTORING).exists():
        raise IncompleteFolder(
            f"A restore into {folder} was cut off. Remove the folder {RESTORING}/ in it, "
            "engine/ and store.sqlite if they exist, and run `tocsin restore` again"
        )
