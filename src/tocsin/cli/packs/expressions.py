"""The expressions of a pack: `window`, `2 * minAttempts`, `window + 1m`.

Numbers and durations are added, subtracted, multiplied and divided without rounding. A parameter
that is used alone keeps its value as it was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from tocsin.cli.packs.values import ParameterValue
from tocsin.model.duration import LENGTHS, Duration

_TOKEN = re.compile(
    r"\s*(?:(?P<duration>\d+[smhd]\b)|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z]\w*)|(?P<sign>\S))"
)
_SECONDS = {unit: Fraction(int(length.total_seconds())) for unit, length in LENGTHS.items()}


class InvalidExpression(ValueError):
    """The message describes the fault of the expression."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number, or a time in seconds."""

    value: Fraction
    is_time: bool = False

    @classmethod
    def of(cls, value: ParameterValue, name: str) -> Amount:
        if isinstance(value, Duration):
            return cls(value.count * _SECONDS[value.unit], is_time=True)
        if isinstance(value, int | float):
            return cls(Fraction(str(value)))
        raise InvalidExpression(f"{name} is neither a number nor a duration")

    def result(self) -> ParameterValue:
        """An integer, a decimal, or a duration in the largest unit that gives a whole number."""
        if not self.is_time:
            whole = self.value.denominator == 1
            return int(self.value) if whole else float(self.value)
        if self.value < 0 or self.value.denominator != 1:
            raise InvalidExpression("gives no whole number of seconds")
        unit = next(u for u in ("d", "h", "m", "s") if self.value % _SECONDS[u] == 0)
        return Duration(int(self.value / _SECONDS[unit]), unit if self.value else "s")


def evaluate(text: str, values: Mapping[str, ParameterValue]) -> ParameterValue:
    """The value of an expression over parameters; raises InvalidExpression."""
    name = text.strip()
    if name in values:
        return values[name]
    reader = _Reader(text, values)
    amount = reader.sum()
    reader.end()
    return amount.result()


class _Reader:
    """Reads an expression from left to right, by recursive descent."""

    def __init__(self, text: str, values: Mapping[str, ParameterValue]) -> None:
        self._tokens = list(_tokens(text))
        self._values = values
        self._next = 0

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise InvalidExpression(f"has {self._tokens[self._next][1]} where its end is expected")

    def sum(self) -> Amount:
        amount = self._product()
        while sign := self._sign("+-"):
            other = self._product()
            if amount.is_time is not other.is_time:
                raise InvalidExpression("adds a number and a duration")
            value = other.value if sign == "+" else -other.value
            amount = Amount(amount.value + value, amount.is_time)
        return amount

    def _product(self) -> Amount:
        amount = self._factor()
        while sign := self._sign("*/"):
            other = self._factor()
            if other.is_time and (amount.is_time or sign == "/"):
                raise InvalidExpression("multiplies durations, or divides by one")
            if sign == "/" and not other.value:
                raise InvalidExpression("divides by 0")
            value = amount.value * (other.value if sign == "*" else 1 / other.value)
            amount = Amount(value, amount.is_time or other.is_time)
        return amount

    def _factor(self) -> Amount:
        if self._sign("-"):
            factor = self._factor()
            return Amount(-factor.value, factor.is_time)
        if self._sign("("):
            inner = self.sum()
            if not self._sign(")"):
                raise InvalidExpression("lacks a closing parenthesis")
            return inner
        return self._operand()

    def _operand(self) -> Amount:
        kind, text = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")
        self._next += 1
        if kind == "duration":
            return Amount.of(Duration(int(text[:-1]), text[-1]), text)
        if kind == "number":
            return Amount(Fraction(text))
        if kind == "name":
            if text not in self._values:
                raise InvalidExpression(f"has no parameter {text}; {_names(self._values)}")
            return Amount.of(self._values[text], text)
        raise InvalidExpression(f"has {text or 'its end'} where a value is expected")

    def _sign(self, signs: str) -> str | None:
        if self._next < len(self._tokens) and self._tokens[self._next][1] in signs:
            self._next += 1
            return self._tokens[self._next - 1][1]
        return None


def _names(values: Mapping[str, ParameterValue]) -> str:
    return f"there are {', '.join(sorted(values))}" if values else "there are none"


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "sign"
        yield kind, match[kind]
