"""Checks that the picture in docs/architecture.md shows the packages and imports of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tocsin"
FOUNDATION = {"process", "config", "model", "errors"}
Arrow = tuple[str, str]


def picture() -> str:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return text.split("```mermaid\n", 1)[1].split("```", 1)[0]


def boxes() -> set[str]:
    entries = (path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir())
    return {name for name in entries if not name.startswith("_")}


def imports() -> Iterator[Arrow]:
    """The package of each module, with each package that it imports."""
    for path in SOURCE.rglob("*.py"):
        own = path.relative_to(SOURCE).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            root, *names = node.module.split(".")
            if root == "tocsin":
                targets = names[:1] or [alias.name for alias in node.names]
                yield from ((own, target) for target in targets)


def test_the_picture_shows_every_import_between_packages() -> None:
    known = boxes()
    arrows = {
        (source, target)
        for source, target in imports()
        if source in known and target in known and source != target
    }
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)$", picture(), re.MULTILINE))
    assert drawn == {arrow for arrow in arrows if FOUNDATION.isdisjoint(arrow)}


def test_the_picture_shows_every_package() -> None:
    assert boxes() <= set(re.findall(r"\w+", picture()))
