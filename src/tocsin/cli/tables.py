"""How do metrics, their answers and keys look on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

Body = Mapping[str, Any]

# Where no terminal sets a width a line is as long as it has to be: a script reads it.
UNBOUNDED = 10_000
_SCOPE = ("resourceType", "action", "origin")


def console() -> Console:
    terminal = Console(highlight=False, markup=False)
    if terminal.is_terminal:
        return terminal
    return Console(highlight=False, markup=False, width=UNBOUNDED)


def show(*tables: RenderableType) -> None:
    screen = console()
    for table in tables:
        screen.print(table)


def metric_table(metrics: Iterable[Body]) -> Table:
    from tocsin.model.interactions.filter import Filter

    table = _table("Name", "Type", "Scope", "Field", "Filters", "Window", "Grouped by", "Enabled")
    for metric in metrics:
        filters = (Filter.model_validate(f).sentence for f in metric["filters"])
        table.add_row(
            _plain(metric["name"]),
            metric["metricType"],
            _plain(" ".join(metric[member] for member in _SCOPE if metric[member]) or "all"),
            _plain(metric["field"] or ""),
            _plain(" and ".join(filters)),
            metric["timeWindow"] or "all time",
            _plain(", ".join(metric["groupBy"])),
            "yes" if metric["enabled"] else "no",
        )
    return table


def answer_table(answer: Body) -> Group:
    """What calculate answers: a column for each dimension, then the value."""
    rows = answer["results"]
    dimensions = list(rows[0]["dimensions"] or {}) if rows else []
    heading = f"{answer['metricName']}, {answer['metricType']} at {answer['calculatedAt']}"
    table = _table(*dimensions)
    table.add_column(answer.get("unit") or "value", justify="right")
    for row in rows:
        texts = (dimension_text(row["dimensions"][name]) for name in dimensions)
        table.add_row(*texts, value_text(row["value"]))
    if answer.get("truncated"):
        table.caption = f"{len(rows):,} of {answer['groupCount']:,} groups"
    elif not rows:
        table.caption = "no groups"
    # Not the table's own title: that would be broken to the width of the table.
    return Group(_plain(heading), table)


def alert_table(alerts: Iterable[Body], metric_names: Mapping[str, str]) -> Table:
    table = _table("Title", "Metric", "Fires when", "For", "Every", "Severity", "Health", "Enabled")
    for alert in alerts:
        table.add_row(
            _plain(alert["title"]),
            _plain(metric_names.get(alert["metricId"], "")),
            f"{alert['operator']} {value_text(alert['threshold'])}",
            alert["for"],
            alert["interval"],
            alert["severity"],
            _plain(alert["healthReason"] or alert["health"]),
            "yes" if alert["enabled"] else "no",
        )
    return table


def state_table(title: str, groups: Iterable[Body]) -> Group:
    """The groups of one alert."""
    table = _table("Group", "Status", "Since")
    table.add_column("Value", justify="right")
    for group in groups:
        table.add_row(
            group_text(group["dimensions"]),
            group["status"],
            group["since"] or "",
            value_text(group["value"]),
        )
    return Group(_plain(title), table)


def backtest_table(title: str, tried: Body) -> Group:
    """What would have happened: a row for each transition, group by group."""
    table = _table("Group", "At", "Status", "Reason")
    table.add_column("Value", justify="right")
    for past in tried["results"]:
        for told in past["transitions"]:
            group = group_text(past["dimensions"])
            value = value_text(told["value"])
            table.add_row(group, told["at"], told["status"], told["reason"], value)
    seconds = f"{tried['firingSeconds']:,.0f}"
    heading = (
        f"{title}: {tried['evaluations']:,} evaluations of {tried['groups']:,} groups; "
        f"fired {tried['fired']:,} times, {seconds} s in all"
    )
    if tried.get("truncated"):
        table.caption = "not all transitions are listed"
    return Group(_plain(heading), table)


def group_text(dimensions: Mapping[str, str | None] | None) -> Text:
    """`country=ZA plan=(missing)`; of a metric without groups, nothing."""
    parts = [Text.assemble(f"{k}=", dimension_text(v)) for k, v in (dimensions or {}).items()]
    return Text(" ").join(parts)


def key_table(keys: Iterable[Body]) -> Table:
    table = _table("Name", "Role", "Prefix", "Created", "Id")
    for key in keys:
        table.add_row(
            _plain(key["name"]),
            key["role"],
            key["prefix"],
            key.get("createdDate") or "",
            "revoked" if key.get("revokedDate") else key["keyId"],
        )
    return table


def channel_table(channels: Iterable[Body]) -> Table:
    table = _table("Name", "Kind", "Enabled", "Id")
    for channel in channels:
        enabled = "yes" if channel["enabled"] else channel["disabledReason"] or "no"
        if channel["restingUntil"]:
            enabled += f", rests until {channel['restingUntil']}"
        table.add_row(_plain(channel["name"]), channel["kind"], enabled, channel["channelId"])
    return table


def delivery_table(deliveries: Iterable[Body], channels: Mapping[str, str]) -> Table:
    table = _table("Made", "Status", "Channel", "Of", "What happened", "Id")
    for delivery in deliveries:
        told = delivery["interaction"]
        table.add_row(
            delivery["createdDate"],
            delivery["status"],
            _plain(channels.get(delivery["channelId"], "deleted")),
            _plain(f"{told['action']} on {told['resourceType']} {told['resourceId']}"),
            _plain(_outcome(delivery)),
            delivery["deliveryId"],
        )
    return table


def _outcome(delivery: Body) -> str:
    """The reason of a skipped delivery, else its last error and its next attempt."""
    error = delivery["attempts"][-1]["error"] if delivery["attempts"] else None
    upcoming = delivery["nextAttemptDate"]
    parts = (delivery["reason"], error, f"next attempt at {upcoming}" if upcoming else None)
    return "; ".join(part for part in parts if part)


def value_text(value: float | None) -> str:
    """The value, exact, with its thousands apart; a null is shown as a dash."""
    return "–" if value is None else f"{value:,}"


def dimension_text(text: str | None) -> Text:
    return Text("(missing)", style="dim") if text is None else _plain(text)


def _table(*columns: str) -> Table:
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _plain(text: str) -> Text:
    """Somebody else's text: control characters would reach the terminal and could command it."""
    return Text("".join(c if c.isprintable() else "�" for c in text))
