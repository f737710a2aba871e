"""Generates the interactions of a simulated shop for the demo.

The interactions of a minute, with their ids, depend only on the seed, the minute and their stream:
each maker, the incidents and the outages have a stream of their own. So history and live
interactions are one sequence, a part of history may have fewer streams, and recording a part again,
for example after a restart, adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any

from tocsin.model.instant import format_instant

SampleInteraction = dict[str, Any]

MINUTE = timedelta(minutes=1)
PER_SECOND = 3
CUSTOMERS = 4_000
DAY_MINUTES, CYCLE_MINUTES = 24 * 60, 21 * 24 * 60
BUSIEST_MINUTE = 15 * 60
INCIDENT_EVERY, INCIDENT_MINUTES, INCIDENT_PER_MINUTE = 12, 3, 240
# A payment gateway fails every two minutes, so that an alert fires and recovers during a demo.
OUTAGE_EVERY, OUTAGE_SECONDS, OUTAGE_PAYMENTS = 2, 15, 60
OUTAGE = "gateway_down"
# The share of these that history has, so that the charts of a day show single ones.
RARE_INCIDENT, RARE_OUTAGE = 15, 75
# The checkout is slow for 45 minutes of every seven hours.
SLOW_EVERY, SLOW_MINUTES, SLOW_FACTOR = 7 * 60, 45, 2.2


class Detail(Enum):
    """The part of the shop's interactions that a range of history has."""

    ORDERS = "orders"
    FEW_INCIDENTS = "few incidents"
    ALL = "all"


COUNTRIES = {"DE": 22, "US": 20, "GB": 15, "ZA": 11, "FR": 9, "BR": 8, "IN": 8, "NL": 4, "JP": 3}
PLANS = {"free": 60, "plus": 30, "business": 10}
USUAL_ORDER = {"free": 42.0, "plus": 60.0, "business": 150.0}
SHOPFRONTS = {"WEB": 60, "MOBILE_APP": 34, "PARTNER": 6}
PAYMENTS = {"card": 62, "paypal": 25, "invoice": 13}
PAYMENT_REASONS = {"card_declined": 50, "insufficient_funds": 25, "3ds_timeout": 15, "expired": 10}
LOGIN_REASONS = {"wrong_password": 80, "unknown_user": 15, "locked": 5}
TEMPLATES = {"order_confirmation": 50, "newsletter": 35, "password_reset": 15}
BOUNCES = {"mailbox_full": 40, "no_such_user": 45, "blocked": 15}


def interactions(
    seed: int, since: datetime, until: datetime, detail: Detail = Detail.ALL
) -> Iterator[SampleInteraction]:
    """The interactions after `since` and up to `until`, in the order of time."""
    minute = since.replace(second=0, microsecond=0)
    while minute <= until:
        first, last = (_milliseconds(minute, end) for end in (since, until))
        stamp = format_instant(minute)[: -len("00.000Z")]
        for ms, interaction in _in_minute(seed, minute, detail):
            if first < ms <= last:
                interaction["timestamp"] = f"{stamp}{ms // 1000:02d}.{ms % 1000:03d}Z"
                yield interaction
        minute += MINUTE


def incident_country(seed: int, minute: datetime) -> str | None:
    """The country of the password guessing in this minute, or None."""
    incident, into = divmod(_number(minute), INCIDENT_EVERY)
    if into >= INCIDENT_MINUTES:
        return None
    return _pick(Random(f"{seed} incident {incident}"), COUNTRIES)


def _milliseconds(minute: datetime, instant: datetime) -> float:
    return (instant - minute) / timedelta(milliseconds=1)


def _in_minute(seed: int, minute: datetime, detail: Detail) -> list[tuple[int, SampleInteraction]]:
    streams = [_usual(seed, minute, maker) for maker in _MAKERS]
    if detail is Detail.ORDERS:
        streams = [_usual(seed, minute, _order)]
    else:
        streams += [_incident(seed, minute, detail), _outage(seed, minute, detail)]
    timed = [pair for stream in streams for pair in stream]
    timed.sort(key=lambda pair: pair[0])
    return timed


_Timed = Iterator[tuple[int, SampleInteraction]]
"""Interactions with their milliseconds in the minute."""


def _usual(seed: int, minute: datetime, maker: Callable[[Random], SampleInteraction]) -> _Timed:
    rng = _rng(seed, maker.__name__, minute)
    mean = 60 * PER_SECOND * _MAKERS[maker] / sum(_MAKERS.values()) * busyness(minute)
    if maker is _order:
        mean *= 1 + 0.2 * math.sin(2 * math.pi * _number(minute) / CYCLE_MINUTES)
    for _ in range(max(round(rng.gauss(mean, math.sqrt(mean))), 0)):
        interaction = maker(rng)
        if maker is _checkout:
            interaction["interaction"]["durationMs"] = round(
                interaction["interaction"]["durationMs"] * _slowness(minute)
            )
        yield rng.randrange(60_000), _identified(rng, interaction)


def _incident(seed: int, minute: datetime, detail: Detail) -> _Timed:
    country = incident_country(seed, minute)
    is_rare = _number(minute) // INCIDENT_EVERY % RARE_INCIDENT == 0
    if country is None or not (is_rare or detail is Detail.ALL):
        return
    rng = _rng(seed, "incident", minute)
    for _ in range(INCIDENT_PER_MINUTE):
        yield rng.randrange(60_000), _identified(rng, _failed_login(rng, country))


def _outage(seed: int, minute: datetime, detail: Detail) -> _Timed:
    """Payments that fail during an outage."""
    outage, into = divmod(_number(minute), OUTAGE_EVERY)
    if into or not (outage % RARE_OUTAGE == 0 or detail is Detail.ALL):
        return
    rng = _rng(seed, "outage", minute)
    for _ in range(OUTAGE_PAYMENTS):
        payment = _identified(rng, _failed_payment(rng, OUTAGE))
        yield rng.randrange(OUTAGE_SECONDS * 1000), payment


def busyness(minute: datetime) -> float:
    """The rate of this minute of the day, relative to that of the whole day."""
    into_day = _number(minute) - BUSIEST_MINUTE
    return 1 + 0.5 * math.cos(2 * math.pi * into_day / DAY_MINUTES)


def _slowness(minute: datetime) -> float:
    """How much longer a checkout takes: when the shop is busy, and after a slow release."""
    is_slow = _number(minute) % SLOW_EVERY < SLOW_MINUTES
    return (0.7 + 0.3 * busyness(minute)) * (SLOW_FACTOR if is_slow else 1)


def _rng(seed: int, stream: str, minute: datetime) -> Random:
    return Random(f"{seed} {stream} {_number(minute)}")


def _number(minute: datetime) -> int:
    return int(minute.timestamp()) // 60


def _identified(rng: Random, interaction: SampleInteraction) -> SampleInteraction:
    # A UUID of version 4; the class UUID takes four times as long.
    text = f"{rng.getrandbits(128):032x}"
    parts = text[:8], text[8:12], f"4{text[13:16]}", f"8{text[17:20]}", text[20:]
    interaction["interactionId"] = "-".join(parts)
    return interaction


def _order(rng: Random) -> SampleInteraction:
    number, country, plan = _customer(rng)
    payload = {
        "total": round(USUAL_ORDER[plan] * rng.lognormvariate(0, 0.6), 2),
        "currency": "EUR",
        "country": country,
        "items": rng.choices([1, 2, 3, 4, 8], weights=[50, 25, 13, 9, 3])[0],
        "payment": _pick(rng, PAYMENTS),
        "customer": {"id": number, "plan": plan},
    }
    return _interaction(rng, "ORDER", "PLACED", f"order-{rng.randrange(10**8)}", number, payload)


def _checkout(rng: Random) -> SampleInteraction:
    number, country, _ = _customer(rng)
    payload = {"durationMs": round(rng.lognormvariate(6.2, 0.6)), "country": country}
    cart = f"cart-{rng.randrange(10**8)}"
    return _interaction(rng, "CHECKOUT", "COMPLETED", cart, number, payload)


def _failed_payment(rng: Random, reason: str | None = None) -> SampleInteraction:
    number, country, _ = _customer(rng)
    payload = {
        "reason": reason or _pick(rng, PAYMENT_REASONS),
        "amount": round(rng.lognormvariate(4.1, 0.8), 2),
        "country": country,
    }
    payment = f"payment-{rng.randrange(10**8)}"
    return _interaction(rng, "PAYMENT", "FAILED", payment, number, payload)


def _login(rng: Random) -> SampleInteraction:
    number, country, plan = _customer(rng)
    payload = {"country": country, "plan": plan}
    return _interaction(rng, "ACCOUNT", "LOGGED_IN", f"account-{number}", number, payload)


def _failed_login(rng: Random, country: str | None = None) -> SampleInteraction:
    number, home, _ = _customer(rng)
    payload = {"country": country or home, "reason": _pick(rng, LOGIN_REASONS)}
    return _interaction(rng, "ACCOUNT", "LOGIN_FAILED", f"account-{number}", number, payload)


def _email(rng: Random) -> SampleInteraction:
    return _mail(rng, "SENT", {"template": _pick(rng, TEMPLATES)})


def _bounce(rng: Random) -> SampleInteraction:
    return _mail(rng, "BOUNCED", {"template": _pick(rng, TEMPLATES), "why": _pick(rng, BOUNCES)})


def _mail(rng: Random, action: str, payload: dict[str, Any]) -> SampleInteraction:
    number, _, _ = _customer(rng)
    mail = _interaction(rng, "EMAIL", action, f"email-{rng.randrange(10**8)}", number, payload)
    return mail | {"origin": "MAILER"}


def _interaction(
    rng: Random, resource_type: str, action: str, resource_id: str, customer: int, payload: Any
) -> SampleInteraction:
    return {
        "resourceType": resource_type,
        "resourceId": resource_id,
        "action": action,
        "origin": _pick(rng, SHOPFRONTS),
        "userId": f"customer-{customer}",
        "interaction": payload,
    }


def _customer(rng: Random) -> tuple[int, str, str]:
    """The number, country and plan of a customer; low numbers are more frequent."""
    number = int(CUSTOMERS * rng.random() ** 2)
    return number, *_traits(number)


@cache
def _traits(number: int) -> tuple[str, str]:
    of_customer = Random(number)
    return _pick(of_customer, COUNTRIES), _pick(of_customer, PLANS)


def _pick(rng: Random, weights: dict[str, int]) -> str:
    names, sums = _cumulative(tuple(weights.items()))
    return rng.choices(names, cum_weights=sums)[0]


@cache
def _cumulative(weights: tuple[tuple[str, int], ...]) -> tuple[list[str], list[int]]:
    return [name for name, _ in weights], list(accumulate(weight for _, weight in weights))


_MAKERS: dict[Callable[[Random], SampleInteraction], int] = {
    _login: 34,
    _email: 24,
    _order: 20,
    _checkout: 14,
    _failed_login: 4,
    _failed_payment: 2,
    _bounce: 2,
}
