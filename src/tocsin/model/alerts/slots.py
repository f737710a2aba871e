"""At which instants is an alert evaluated: multiples of its interval, shifted by its id.

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
    """Whether a slot has come since the last one that was taken.

    A clock that was set back by more than an interval begins afresh: the alert would otherwise
    stand still until the clock comes to where it was.
    """
    slot = slot_at(alert, at)
    return slot > last or slot < last - alert.interval.length


def missed_between(alert: Alert, last: datetime, slot: datetime) -> int:
    """How many slots lie between two that were taken."""
    return max((slot - last) // alert.interval.length - 1, 0)


def _interval(alert: Alert) -> int:
    return alert.interval.length // MILLISECOND


def _shift(alert: Alert) -> int:
    """Stable for an alert wherever and whenever it is asked for."""
    places = max(alert.interval.length // _GRAIN, 1)
    return alert.alert_id.int % places * (_GRAIN // MILLISECOND)
