"""The preview of the form of a silence: its next windows, and the alerts that it matches now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import Dimensions
from tocsin.model.notifications.recurrence import SilencedTime
from tocsin.model.notifications.silence import Silence, SilenceTarget
from tocsin.web.rendering import Pages

SHOWN_WINDOWS = 5


@dataclass(frozen=True, slots=True)
class SilencePreview:
    """`firing` is the number of groups that fire now and that it matches."""

    silence: Silence
    windows: Sequence[SilencedTime]
    alerts: Sequence[Alert]
    alert_count: int
    firing: int


def silence_preview(pages: Pages, silence: Silence, at: datetime) -> SilencePreview:
    alerts = pages.runtime.alerts.all()
    matched = [alert for alert in alerts if silence.matches_alert(_target(alert, None))]
    firing = pages.alert_status.firing()
    return SilencePreview(
        silence,
        silence.next_windows(at, SHOWN_WINDOWS),
        matched,
        len(alerts),
        sum(silence.matches(_target(group.alert, group.dimensions)) for group in firing),
    )


def _target(alert: Alert, dimensions: Dimensions) -> SilenceTarget:
    return SilenceTarget(str(alert.alert_id), alert.severity, alert.labels, dimensions or {})
