"""The oracle's value of one group of interactions, and the interactions that a metric counts.

The rules are docs/reference/semantics.md, "Which interactions count" and "Aggregations".
"""

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction

from support.oracle_filters import holds
from support.oracle_values import Interaction, Metric, number_of, text_of, value_at

Value = int | float | None

SIDES = ("numerator", "denominator")
_SCOPE = ("resourceType", "action", "origin")
RATE_UNITS = {
    "s": ("per second", timedelta(seconds=1)),
    "m": ("per minute", timedelta(minutes=1)),
    "h": ("per hour", timedelta(hours=1)),
    "d": ("per day", timedelta(days=1)),
}
_SECOND = timedelta(seconds=1)
_SCALE = 1 << 1074
"""Every finite double is a whole number of 1 / `_SCALE`."""


def length_of(window: str) -> timedelta:
    """The length of `{n}m`, `{n}h` or `{n}d`."""
    return int(window[:-1]) * RATE_UNITS[window[-1]][1]


def relevant(metric: Metric, interactions: Iterable[Interaction]) -> list[Interaction]:
    """The interactions in the metric's scope for which all its filters hold; for a RATIO, those of
    them that one of its sides counts. So the groups of a RATIO are those of either side."""
    counted = _selected(metric, interactions)
    if metric["metricType"] != "RATIO":
        return counted
    return [each for each in counted if any(_selected(metric[side], [each]) for side in SIDES)]


def aggregate(metric: Metric, group: Sequence[Interaction]) -> Value:
    """One value, by the table of "Aggregations", rounded."""
    return _shown(metric, _exact(metric, group))


def change(metric: Metric, current: Sequence[Interaction], base: Sequence[Interaction]) -> Value:
    """The value of a comparison: the change from one group of interactions to another, rounded."""
    form = metric["compare"]["as"]
    now, before = _exact(metric, current), _exact(metric, base)
    if now is None or before is None:
        return None
    if form == "difference":
        shown = _shown(metric, now), _shown(metric, before)
        return _rounded(_double(_written(shown[0]) - _written(shown[1])))
    least = metric["compare"].get("minimumBase") or 0
    if before == 0 or abs(before) < least:
        return None
    value = _percent(now, before) if form == "percent" else float(now) / float(before)
    return _rounded(_finite(value))


def _percent(now: float, before: float) -> float:
    scaled = (float(now) - float(before)) * 100
    if math.isinf(scaled):
        return (now / 2 - before / 2) / abs(before) * 200
    return scaled / abs(float(before))


def _written(value: Value) -> Fraction:
    """The number as its shortest decimal has it; an integer as it is."""
    number = float(value or 0)
    return Fraction(number) if number.is_integer() else Fraction(repr(number))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def shown_sides(metric: Metric, group: Sequence[Interaction]) -> dict[str, Value]:
    """`numerator` and `denominator` of a RATIO's row; nothing for other metrics."""
    if metric["metricType"] != "RATIO":
        return {}
    return {side: _shown(metric[side], _side(metric, side, group)) for side in SIDES}


def _selected(scoped: Metric, interactions: Iterable[Interaction]) -> list[Interaction]:
    """Those in a scope for which all filters hold, of a metric or of one side of a RATIO."""
    scope = [(name, scoped[name]) for name in _SCOPE if scoped.get(name)]
    filters = scoped.get("filters") or []
    return [
        interaction
        for interaction in interactions
        if all(interaction[name] == mnemonic for name, mnemonic in scope)
        and all(holds(filter_, interaction) for filter_ in filters)
    ]


def _side(metric: Metric, side: str, group: Sequence[Interaction]) -> Value:
    return _exact(metric[side], _selected(metric[side], group))


def _ratio(metric: Metric, group: Sequence[Interaction]) -> float | None:
    """The rules of RATIO, in their order."""
    numerator, denominator = (_side(metric, side, group) for side in SIDES)
    least = metric.get("minimumDenominator")
    if not denominator or (least is not None and denominator < least):
        return None
    if numerator is None:
        return None
    scaled = (metric.get("scale") or 1) * float(numerator)
    value = scaled / float(denominator)
    if math.isinf(scaled):
        value = float(numerator) / float(denominator) * metric["scale"]
    return _finite(value)


def _exact(metric: Metric, group: Sequence[Interaction]) -> Value:
    """The value before it is rounded: for a SUM or an AVG, the double nearest to the exact one."""
    kind = metric["metricType"]
    if kind == "RATIO":
        return _ratio(metric, group)
    if kind == "COUNT":
        return len(group)
    if kind == "RATE":
        unit = RATE_UNITS[metric.get("rateUnit") or metric["timeWindow"][-1]][1]
        return float(
            len(group)
            * Fraction(unit / _SECOND)
            / Fraction(length_of(metric["timeWindow"]) / _SECOND)
        )
    if kind == "DISTINCT_COUNT":
        texts = {text_of(value_at(interaction, metric["field"])) for interaction in group}
        return len(texts - {None})
    if kind == "LATEST":
        return _latest(metric, group)
    if kind == "PERCENTILE":
        return _percentile(metric["percentile"], _numbers(metric, group))
    return _of_numbers(kind, _numbers(metric, group))


def _shown(metric: Metric, value: Value) -> Value:
    return _rounded(value) if metric["metricType"] in ("SUM", "AVG", "RATE", "RATIO") else value


def _numbers(metric: Metric, group: Sequence[Interaction]) -> list[float]:
    numbers = (number_of(value_at(interaction, metric["field"])) for interaction in group)
    return [number for number in numbers if number is not None]


def _of_numbers(kind: str, numbers: list[float]) -> float | None:
    if kind == "SUM":
        return _double(_exact_sum(numbers))
    if not numbers:
        return None
    if kind == "AVG":
        return _double(_exact_sum(numbers) / len(numbers))
    return min(numbers) if kind == "MIN" else max(numbers)


def _percentile(percentile: float, numbers: list[float]) -> float | None:
    """The nearest rank. The text of a JSON number has all its decimals."""
    if not numbers:
        return None
    rank = math.ceil(Fraction(str(percentile)) * len(numbers) / 100)
    return sorted(numbers)[rank - 1]


def _latest(metric: Metric, group: Sequence[Interaction]) -> float | None:
    """Of interactions with equal timestamps, the one that was recorded last."""
    latest = None
    for interaction in sorted(group, key=lambda each: each["timestamp"]):
        number = number_of(value_at(interaction, metric["field"]))
        latest = latest if number is None else number
    return latest


def _exact_sum(numbers: Iterable[float]) -> Fraction:
    total = 0
    for number in numbers:
        top, bottom = number.as_integer_ratio()
        total += top * (_SCALE // bottom)
    return Fraction(total, _SCALE)


def _double(exact: Fraction) -> float | None:
    """The nearest double; None for what passes what a double can hold."""
    try:
        return float(exact)
    except OverflowError:
        return None


def _rounded(value: Value) -> Value:
    """To 15 significant digits ("Exact decimals"): of the exact value of the double, half to even.

    Integers and what is 1e15 or more in magnitude stay as they are.
    """
    if value is None or float(value).is_integer() or abs(value) >= 1e15:
        return value
    exact = Fraction(value)
    places = 15 - len(str(int(abs(exact)))) if abs(exact) >= 1 else 15
    while abs(exact) * 10**places < 10**14:
        places += 1
    return float(Fraction(round(exact * 10**places), 10**places))
