"""The window of a metric ("Windows" in docs/reference/semantics.md)."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.model.duration import Duration


@dataclass(frozen=True, slots=True)
class Window(Duration):
    """A sliding window: `5m`, `24h`, `7d`."""

    _WORD = "time window"
    _UNITS = "m, h or d"
    _EXAMPLES = ("5m", "24h", "7d")
    _PATTERN = "([1-9][0-9]{0,8})([mhd])"
    _RATES = {"m": "per minute", "h": "per hour", "d": "per day"}

    @property
    def rate_unit(self) -> str:
        return self._RATES[self.unit]
