"""Formats numbers, instants and durations for pages, and definitions as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from markupsafe import Markup
from msgspec import UNSET

from tocsin.model.alerts.alert import Alert, Guard, Rule
from tocsin.model.duration import Duration, spelled
from tocsin.model.group_name import NOTHING, group_name, group_text
from tocsin.model.instant import format_instant
from tocsin.model.interactions.catalog import Entry, Kind
from tocsin.model.interactions.filter import WORDS as SIGNS
from tocsin.model.interactions.filter import Operator
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Reading
from tocsin.model.metrics.calendar import CalendarPeriod, CalendarWindow
from tocsin.model.metrics.comparison import Change, PeriodComparison
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.units import with_unit
from tocsin.model.metrics.window import Window
from tocsin.model.zones import zone

_DELETED = "a deleted metric"
_LARGE = 1e15
_SMALL = 0.01
_MEASURES = {
    Aggregation.COUNT: "The number",
    Aggregation.SUM: "The sum of {field}",
    Aggregation.AVG: "The average of {field}",
    Aggregation.MIN: "The minimum of {field}",
    Aggregation.MAX: "The maximum of {field}",
    Aggregation.DISTINCT_COUNT: "The number of distinct values of {field}",
    Aggregation.RATE: "The rate",
    Aggregation.PERCENTILE: "The {percentile} percentile of {field}",
    Aggregation.LATEST: "The latest number of {field}",
}
_ORDINALS: Mapping[float, str] = {1: "st", 2: "nd", 3: "rd"}
_PERIODS = {
    CalendarPeriod.TODAY: "today",
    CalendarPeriod.YESTERDAY: "yesterday",
    CalendarPeriod.THIS_WEEK: "this week",
    CalendarPeriod.LAST_WEEK: "last week",
    CalendarPeriod.THIS_MONTH: "this month",
    CalendarPeriod.LAST_MONTH: "last month",
}
_CHANGES = {
    Change.DIFFERENCE: "less its value {earlier} earlier",
    Change.PERCENT: "as the change from {earlier} earlier in percent",
    Change.FACTOR: "divided by its value {earlier} earlier",
}
_UNITS = {"m": "minute", "h": "hour", "d": "day"}


class EntryLookup(Protocol):
    def by_id(self, kind: Kind, id: UUID) -> Entry | None: ...


def number(value: float | None) -> str:
    """`10,858`, `70.76`: with two decimals at most, unless the number is very small or large."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= _LARGE or 0 < abs(value) < _SMALL:
        return f"{value:.4g}"
    return f"{value:,.2f}"


def ordinal(of: float) -> str:
    """`95th`, `99.9th`, `1st`."""
    is_teen = of in (11, 12, 13)
    return f"{of}{'th' if is_teen else _ORDINALS.get(of % 10, 'th')}"


def time(at: datetime) -> Markup:
    """An instant in UTC; `app.js` shows it in the chosen zone, with UTC on hover."""
    instant = format_instant(at)
    spelled = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(instant, spelled, spelled)


def window(of: Window | CalendarWindow) -> str:
    """` in the last 5 minutes`, ` this month (Europe/Berlin)`: the end of a sentence."""
    if isinstance(of, CalendarWindow):
        return f" {_PERIODS[of.name]} ({of.timezone})"
    return f" in the last {_UNITS[of.unit] if of.count == 1 else _length(of)}"


def _length(of: Duration) -> str:
    """`1 hour`, `5 minutes`."""
    return f"{of.count} {_UNITS[of.unit]}{'s' if of.count > 1 else ''}"


def alert_sentence(alert: Alert, metrics: Iterable[Metric], name: str | None = None) -> str:
    """The condition of an alert: `Fires when Slowest checkout (5m) > 20 ms for 2m, only when
    Checkouts (5m) ≥ 50.` Metrics that are not given were deleted; `name` replaces that of the
    watched metric."""
    by_id = {metric.metric_id: metric for metric in metrics}
    watched = by_id.get(alert.metric_id)
    guards = [_guard(guard, by_id.get(guard.metric_id)) for guard in alert.only_when]
    return _rule(
        alert.rule,
        name or (watched.name if watched else _DELETED),
        watched.question.unit if watched else None,
        guards,
    )


def _guard(guard: Guard, metric: Metric | None) -> str:
    threshold = with_unit(guard.threshold, metric.question.unit if metric else None)
    return f"{metric.name if metric else _DELETED} {SIGNS[Operator(guard.operator)]} {threshold}"


def _rule(of: Rule, metric: str, unit: str | None, guards: Sequence[str]) -> str:
    sign = SIGNS[Operator(of.operator)]
    wait = f" for {of.for_}" if of.for_.count else ""
    fires = f"Fires when {metric} {sign} {with_unit(of.threshold, unit)}{wait}"
    if guards:
        fires += f", only when {' and '.join(guards)}"
    recovery = [
        "" if of.recovery_threshold is None else f"past {with_unit(of.recovery_threshold, unit)}",
        f"after being clear for {of.keep_firing_for}" if of.keep_firing_for.count else "",
    ]
    if not any(recovery):
        return f"{fires}."
    return f"{fires}; recovers {' '.join(filter(None, recovery))}."


def sentence(question: Question, catalog: EntryLookup) -> str:
    """A metric as a sentence: `The number of interactions PLACED on ORDER in the last hour.`"""
    measures = [_measure(part, catalog) for part in question.current.parts]
    if question.aggregation is Aggregation.RATIO:
        numerator, denominator = (measure[0].lower() + measure[1:] for measure in measures)
        measures = [f"The ratio of {numerator} to {denominator},"]
    least = question.minimum_denominator
    parts = [
        measures[0],
        window(question.time_window) if question.time_window else " ever",
        f", {_unit_words(question.current)}" if question.current.unit else "",
        f", where the denominator is at least {least}" if least is not None else "",
        f", {_change(question.compare)}" if question.compare else "",
        f", for each {_listed(list(map(str, question.group_by)))}" if question.group_by else "",
    ]
    return "".join(parts) + "."


def _unit_words(question: Question) -> str:
    """`per minute`, `in percent`, `in ms`; of a rate with another unit, both."""
    if question.own_unit is None and question.unit == "%":
        return "in percent"
    own = None if question.own_unit is None else f"in {question.own_unit}"
    return ", ".join(filter(None, [question.time_unit, own]))


def _measure(part: Question, catalog: EntryLookup) -> str:
    percentile = "" if part.percentile is None else ordinal(part.percentile)
    measure = _MEASURES[part.aggregation].format(field=part.field, percentile=percentile)
    joint = " of interactions" if part.field is None else " over interactions"
    conditions = [filter.sentence for filter in part.filters]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return measure + joint + _scope(part, catalog) + where


def _change(compare: PeriodComparison) -> str:
    """`as the change since 7 days earlier in percent, where the base is at least 10`."""
    least = compare.minimum_base
    limit = "" if least is None else f", where the base is at least {least}"
    return f"{_CHANGES[compare.change].format(earlier=_length(compare.offset))}{limit}"


def sides(reading: Reading) -> str:
    """`7 of 9` or `7 vs 9`: both sides of a RATIO or of a comparison in a row; empty for other
    metrics."""
    if reading.sides is None:
        return ""
    joint = "of" if reading.current is UNSET else "vs"
    first, second = map(number, reading.sides)
    return f"{first} {joint} {second}"


def _scope(question: Question, catalog: EntryLookup) -> str:
    named = (
        (" {}", Kind.ACTION, question.action_id),
        (" on {}", Kind.RESOURCE_TYPE, question.resource_type_id),
        (" from {}", Kind.ORIGIN, question.origin_id),
    )
    text = ""
    for form, kind, id in named:
        entry = catalog.by_id(kind, id) if id else None
        text += form.format(entry.mnemonic) if entry else ""
    return text


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def wall_time(at: datetime, timezone: str) -> str:
    """`Sat 2026-03-21 22:00 +0100`: an instant by the clock of a zone."""
    return f"{at.astimezone(zone(timezone)):%a %Y-%m-%d %H:%M %z}"


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "time": time,
    "duration": spelled,
    "dimensions": group_name,
    "group_text": group_text,
    "sides": sides,
    "wall_time": wall_time,
}
