"""The table of the groups that fire, for the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tocsin.cli.tables import JsonObject, group_text, new_table, value_text


def firing_table(page: JsonObject) -> Table:
    """The groups of all alerts that fire now."""
    table = new_table("Severity", "Alert", "Group")
    table.add_column("Value", justify="right")
    for heading in ("Since", "Silenced"):
        table.add_column(heading)
    for group in page["firing"]:
        unit = f" {group['unit']}" if "unit" in group else ""
        table.add_row(
            group["severity"],
            Text(group["alertTitle"]),
            group_text(group["dimensions"]),
            Text(value_text(group["value"]) + unit),
            group["since"],
            _silenced_text(group),
        )
    if page["nextCursor"]:
        table.caption = f"the first {len(page['firing']):,} groups; --limit shows more"
    elif not page["firing"]:
        table.caption = "no groups are firing"
    return table


def _silenced_text(group: JsonObject) -> str:
    if not group["silenced"]:
        return ""
    until = group["silencedUntil"]
    return f"until {until}" if until else "yes"
