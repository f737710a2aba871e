"""The packs that are part of Tocsin, and packs in files of the user."""

from __future__ import annotations

from pathlib import Path

from tocsin.cli.packs.pack import Pack, read_pack
from tocsin.errors import TocsinError

_FOLDER = Path(__file__).with_name("definitions")
_SUFFIXES = (".yaml", ".yml")


def built_in_names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def find_pack(name_or_file: str) -> Pack:
    """The pack with this name, or in this file; raises TocsinError."""
    if name_or_file in built_in_names():
        path = _FOLDER / f"{name_or_file}.yaml"
        return read_pack(path, f"{path.parent.name}/{path.name}")
    path = Path(name_or_file)
    if path.suffix in _SUFFIXES:
        if not path.is_file():
            raise TocsinError(f"There is no file {path}.")
        return read_pack(path)
    raise TocsinError(
        f"There is no pack {name_or_file}. There are {', '.join(built_in_names())}; "
        "a pack of your own is given as a file, such as ./orders.yaml"
    )
