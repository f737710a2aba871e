"""The table of the audit trail, for the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich.table import Table

from tocsin.cli.tables import JsonObject, new_table, plain

_LONGEST = 60


def audit_table(entries: Iterable[JsonObject]) -> Table:
    """A row for each action, with the members that it changed."""
    table = new_table("Time", "Key", "Action", "Of", "Name", "Changed", "ID")
    for entry in entries:
        table.add_row(
            entry["at"],
            plain(entry["by"]["name"] if entry["by"] else "(Tocsin)"),
            entry["action"],
            entry["kind"],
            plain(entry["name"] or ""),
            plain("; ".join(_changed_text(entry, path) for path in entry["changed"])),
            entry["id"] or "",
        )
    return table


def _changed_text(entry: JsonObject, path: str) -> str:
    """`threshold: 20 -> 30`"""
    before, after = (_member_text(entry[side], path) for side in ("before", "after"))
    return f"{path}: {before} -> {after}"


def _member_text(document: Any, path: str) -> str:
    """The member of a path, of which a name may have dots, too."""
    names = path.split(".")
    while names and isinstance(document, dict):
        size = next((n for n in range(len(names), 0, -1) if ".".join(names[:n]) in document), 0)
        if not size:
            return "null"
        document, names = document[".".join(names[:size])], names[size:]
    text = json.dumps(document, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
