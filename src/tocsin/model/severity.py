"""The severities of alerts, which silences and subscriptions select by, too."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


MOST_SEVERE_FIRST = tuple(reversed(Severity))
