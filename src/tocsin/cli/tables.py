"""Tables of metrics, alerts, keys, channels and deliveries for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tocsin.model.metrics.units import with_unit

JsonObject = Mapping[str, Any]

# Without a terminal, lines are not wrapped, so that scripts can read them.
UNBOUNDED = 10_000
_SIDES = ("numerator", "denominator")
_COMPARED = ("current", "base")
_WINDOW = ("timeWindow",)
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


def metric_table(metrics: Iterable[JsonObject]) -> Table:
    table = new_table(
        "Name", "Type", "Scope", "Field", "Filters", "Window", "Grouped by", "Enabled"
    )
    for metric in metrics:
        table.add_row(
            plain(metric["name"]),
            _type_text(metric),
            plain(_scope_text(metric) or "all"),
            plain(metric["field"] or _sides_text(metric)),
            plain(_filters_text(metric)),
            _window_text(metric),
            plain(", ".join(metric["groupBy"])),
            "yes" if metric["enabled"] else "no",
        )
    return table


def _type_text(metric: JsonObject) -> str:
    """`COUNT`, `PERCENTILE 95`."""
    percentile = metric.get("percentile")
    return metric["metricType"] if percentile is None else f"PERCENTILE {percentile}"


def _scope_text(definition: JsonObject) -> str:
    return " ".join(definition[member] for member in _SCOPE if definition[member])


def _filters_text(definition: JsonObject) -> str:
    from tocsin.model.interactions.filter_tree import read_filter

    return " and ".join(read_filter(f).sentence for f in definition["filters"])


def _window_text(metric: JsonObject) -> str:
    """`24h`, `today (Europe/Berlin)`, and `24h vs 7d ago (percent)` for a comparison."""
    window, timezone = metric["timeWindow"] or "all time", metric.get("timezone")
    if compare := metric.get("compare"):
        return f"{window} vs {compare['offset']} ago ({compare['as']})"
    return f"{window} ({timezone})" if timezone else window


def _sides_text(metric: JsonObject) -> str:
    """`COUNT login where interaction.ok = false / COUNT login`; empty for all but a RATIO."""
    return " / ".join(_side_text(metric[side]) for side in _SIDES if side in metric)


def _side_text(side: JsonObject) -> str:
    filters = _filters_text(side)
    parts = (
        f"{side['metricType']}({side['field']})" if side["field"] else side["metricType"],
        _scope_text(side),
        f"where {filters}" if filters else "",
    )
    return " ".join(part for part in parts if part)


def answer_table(answer: JsonObject) -> Group:
    """The rows of a calculation: a column for each dimension, then the value."""
    rows = answer["results"]
    dimensions = list(rows[0]["dimensions"] or {}) if rows else []
    heading = f"{answer['metricName']}, {answer['metricType']} at {answer['calculatedAt']}"
    table = new_table(*dimensions)
    table.add_column(answer.get("unit") or "value", justify="right")
    sides = _side_columns(rows[0]) if rows else {}
    for name in sides:
        table.add_column(name, justify="right")
    for row in rows:
        texts = (dimension_text(row["dimensions"][name]) for name in dimensions)
        shown = (sides_text([row[member] for member in of_column]) for of_column in sides.values())
        table.add_row(*texts, value_text(row["value"]), *shown)
    if answer.get("truncated"):
        table.caption = f"{len(rows):,} of {answer['groupCount']:,} groups"
    elif not rows:
        table.caption = "no groups"
    # Not the title of the table, which would be wrapped to the table's width.
    return Group(plain(heading), table)


def _side_columns(row: JsonObject) -> Mapping[str, tuple[str, ...]]:
    """The members of a row that each column of its sides has: both sides of a RATIO in one, each
    side of a comparison in its own."""
    if _SIDES[0] in row:
        return {"sides": _SIDES}
    return {name: (name,) for name in _COMPARED if name in row}


def sides_text(values: Iterable[float | None]) -> str:
    """`7 of 9`."""
    return " of ".join(map(value_text, values))


def alert_table(
    alerts: Iterable[JsonObject],
    metrics: Iterable[JsonObject],
    channels: Iterable[JsonObject],
) -> Table:
    by_id = {metric["metricId"]: metric for metric in metrics}
    names = {channel["channelId"]: channel["name"] for channel in channels}
    table = new_table(
        *("Title", "Metric", "Condition", "For", "Interval", "Severity", "Notifies", "Health"),
        "Enabled",
    )
    for alert in alerts:
        table.add_row(
            plain(alert["title"]),
            plain(_name_of(alert, by_id)),
            plain(_condition_text(alert, by_id)),
            alert["for"],
            alert["interval"],
            alert["severity"],
            plain(", ".join(names.get(id, "deleted") for id in alert["channelIds"])),
            plain(alert["healthReason"] or alert["health"]),
            "yes" if alert["enabled"] else "no",
        )
    return table


def _condition_text(alert: JsonObject, metrics: Mapping[str, JsonObject]) -> str:
    """`gt 20% only when Logins (5m) gte 50`"""
    guards = [
        f"{_name_of(guard, metrics)} {_comparison_text(guard, metrics)}"
        for guard in alert["onlyWhen"]
    ]
    return " ".join(
        [_comparison_text(alert, metrics), *(["only when", " and ".join(guards)] if guards else [])]
    )


def _name_of(comparison: JsonObject, metrics: Mapping[str, JsonObject]) -> str:
    metric = metrics.get(comparison["metricId"])
    return metric["name"] if metric else ""


def _comparison_text(comparison: JsonObject, metrics: Mapping[str, JsonObject]) -> str:
    metric = metrics.get(comparison["metricId"])
    threshold = with_unit(value_text(comparison["threshold"]), metric and _unit_of(metric))
    return f"{comparison['operator']} {threshold}"


def _unit_of(metric: JsonObject) -> str | None:
    """The unit of a metric's value, which its definition need not name."""
    from tocsin.model.metrics.question import Question

    # A calendar window has its zone in another member, and no influence on the unit.
    names = ("unit", "scale", "compare", "rateUnit", *(() if metric.get("timezone") else _WINDOW))
    members = {name: metric[name] for name in names if metric.get(name)}
    return Question.model_validate({"aggregation": metric["metricType"], **members}).unit


def state_table(title: str, groups: Iterable[JsonObject], metric: JsonObject) -> Group:
    """The groups of one alert."""
    table = new_table("Group", "Status", "Since")
    table.add_column(_unit_of(metric) or "Value", justify="right")
    for group in groups:
        table.add_row(
            group_text(group["dimensions"]),
            group["status"],
            group["since"] or "",
            value_text(group["value"]),
        )
    return Group(plain(title), table)


def backtest_table(title: str, backtest: JsonObject) -> Group:
    """A row for each transition, by group."""
    table = new_table("Group", "Time", "Status", "Reason")
    table.add_column(backtest.get("unit") or "Value", justify="right")
    for past in backtest["results"]:
        group = group_text(past["dimensions"])
        for change in past["transitions"]:
            value = value_text(change["value"])
            table.add_row(group, change["at"], change["status"], change["reason"], value)
    seconds = f"{backtest['firingSeconds']:,.0f}"
    heading = (
        f"{title}: {backtest['evaluations']:,} evaluations of {backtest['groups']:,} groups; "
        f"fired {backtest['fired']:,} times, {seconds} s in total"
    )
    if backtest.get("truncated"):
        table.caption = "the list of transitions is truncated"
    messages = [plain(_messages_text(each)) for each in backtest.get("messages", ())]
    return Group(plain(heading), table, *messages)


def _messages_text(messages: JsonObject) -> str:
    """`on-call, by a subscription: 3 messages (2 bundles, 1 reminders); 2 silenced`."""
    by = "by the alert" if messages["subscriptionId"] is None else "by a subscription"
    kinds = [f"{messages[name]:,} {name}" for name in ("bundles", "reminders") if messages[name]]
    silenced = f"; {messages['silenced']:,} silenced" if messages["silenced"] else ""
    of_kinds = f" ({', '.join(kinds)})" if kinds else ""
    return f"{messages['channelName']}, {by}: {messages['sent']:,} messages{of_kinds}{silenced}"


def group_text(dimensions: Mapping[str, str | None] | None) -> Text:
    """`country=ZA plan=(missing)`; empty for a metric without groups."""
    parts = [Text.assemble(f"{k}=", dimension_text(v)) for k, v in (dimensions or {}).items()]
    return Text(" ").join(parts)


def key_table(keys: Iterable[JsonObject]) -> Table:
    table = new_table("Name", "Role", "Prefix", "Created", "Expires", "Last used", "ID")
    for key in keys:
        table.add_row(
            plain(key["name"]),
            key["role"],
            key["prefix"],
            key.get("createdDate") or "",
            key["expiresAt"] or "never",
            key["lastUsedAt"] or "never",
            key["keyId"],
        )
    return table


def examination_table(examinations: Iterable[tuple[str, str, Sequence[str]]]) -> Table:
    """A row for each examination, and one more for each further problem."""
    table = new_table("Examined", "Result", "State")
    for name, state, problems in examinations:
        table.add_row(name, "problem" if problems else "ok", plain(state))
        for problem in problems:
            table.add_row("", "", plain(problem))
    return table


def channel_table(channels: Iterable[JsonObject]) -> Table:
    table = new_table("Name", "Kind", "Enabled", "ID")
    for channel in channels:
        enabled = "yes" if channel["enabled"] else channel["disabledReason"] or "no"
        if channel["restingUntil"]:
            enabled += f", paused until {channel['restingUntil']}"
        table.add_row(plain(channel["name"]), channel["kind"], enabled, channel["channelId"])
    return table


def delivery_table(deliveries: Iterable[JsonObject], channels: Mapping[str, str]) -> Table:
    table = new_table("Created", "Status", "Channel", "Interaction", "Outcome", "ID")
    for delivery in deliveries:
        table.add_row(
            delivery["createdDate"],
            delivery["status"],
            plain(channels.get(delivery["channelId"], "deleted")),
            plain(_interaction(delivery["interaction"])),
            plain(_outcome(delivery)),
            delivery["deliveryId"],
        )
    return table


def _interaction(interaction: JsonObject) -> str:
    resource = f"{interaction['resourceType']} {interaction['resourceId']}"
    return f"{interaction['action']} on {resource}"


def _outcome(delivery: JsonObject) -> str:
    """The reason why it was skipped, its last error and its next attempt, as far as known."""
    error = delivery["attempts"][-1]["error"] if delivery["attempts"] else None
    upcoming = delivery["nextAttemptDate"]
    parts = (delivery["reason"], error, f"next attempt at {upcoming}" if upcoming else None)
    return "; ".join(part for part in parts if part)


def value_text(value: float | None) -> str:
    """The exact value with thousands separators; a dash for null."""
    return "–" if value is None else f"{value:,}"


def dimension_text(text: str | None) -> Text:
    return Text("(missing)", style="dim") if text is None else plain(text)


def new_table(*columns: str) -> Table:
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def plain(text: str) -> Text:
    """A text from outside, without control characters, which the terminal would execute."""
    return Text("".join(c if c.isprintable() else "�" for c in text))
