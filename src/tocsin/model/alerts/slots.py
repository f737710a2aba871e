"""The instants at which an alert is evaluated: multiples of its interval, shifted by its id.

The shift spreads alerts out, but only over multiples of five seconds, so that those of one
interval still coincide in few slots and share scans.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.model.alerts.alert import Alert
from tocsin.model.instant import MILLISECOND, from_milliseconds, to_milliseconds

_GRAIN = timedelta(seconds=5)


def slot_at(alert: Alert, at: datetime) -> datetime:
    """The last slot that is not later than an instant."""
    interval, shift = _interval(alert), _shift(alert)
    since = to_milliseconds(at) - shift
    return from_milliseconds(since // interval * interval + shift)


def next_slot(alert: Alert, at: datetime) -> datetime:
    """The first slot that is later than an instant."""
    return slot_at(alert, at) + alert.interval.length


def is_due(alert: Alert, last: datetime, at: datetime) -> bool:
    """Whether a slot has come since `last`, the last one that was evaluated.

    A clock that was set back by more than an interval makes the alert due again. Otherwise it
    would not be evaluated until the clock reaches the last slot.
    """
    slot = slot_at(alert, at)
    return slot > last or slot < last - alert.interval.length


def missed_between(alert: Alert, last: datetime, slot: datetime) -> int:
    """The number of slots between two that were evaluated."""
    return max((slot - last) // alert.interval.length - 1, 0)


def _interval(alert: Alert) -> int:
    return alert.interval.length // MILLISECOND


def _shift(alert: Alert) -> int:
    """The same for an alert in every process."""
    places = max(alert.interval.length // _GRAIN, 1)
    return alert.alert_id.int % places * (_GRAIN // MILLISECOND)
