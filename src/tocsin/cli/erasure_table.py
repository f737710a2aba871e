"""The table of erasures, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from tocsin.cli.tables import JsonObject, new_table, plain


def erasure_table(erasures: Iterable[JsonObject]) -> Table:
    table = new_table("Requested", "Kind", "State", "Finished", "Interactions", "Waits for", "ID")
    for erasure in erasures:
        counts = erasure["erased" if erasure["state"] == "done" else "matched"]
        table.add_row(
            erasure["requestedDate"],
            plain(erasure["resourceType"] or erasure["kind"]),
            erasure["state"],
            erasure["finishedDate"] or "",
            f"{counts['interactions']:,}",
            plain(erasure["problem"] or ""),
            erasure["erasureId"],
        )
    return table
