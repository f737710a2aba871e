"""Generates the interactions of a simulated shop for the demo.

The interactions of a minute, with their ids, depend only on the seed and the minute. So history
and live interactions are one sequence, and recording a part of it again, for example after a
restart, adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tocsin.model.instant import format_instant

SampleInteraction = dict[str, Any]

MINUTE = timedelta(minutes=1)
PER_SECOND = 15
CUSTOMERS = 4_000
# A daily cycle of this shop takes half an hour, so that it is visible in a demo.
DAY_MINUTES = 30
INCIDENT_EVERY, INCIDENT_MINUTES, INCIDENT_PER_MINUTE = 12, 3, 240
# A payment gateway fails every two minutes, so that an alert fires and recovers during a demo.
OUTAGE_EVERY, OUTAGE_SECONDS, OUTAGE_PAYMENTS = 2, 15, 60
OUTAGE = "gateway_down"

COUNTRIES = {"DE": 22, "US": 20, "GB": 15, "ZA": 11, "FR": 9, "BR": 8, "IN": 8, "NL": 4, "JP": 3}
PLANS = {"free": 60, "plus": 30, "business": 10}
USUAL_ORDER = {"free": 42.0, "plus": 60.0, "business": 150.0}
SHOPFRONTS = {"WEB": 60, "MOBILE_APP": 34, "PARTNER": 6}
PAYMENTS = {"card": 62, "paypal": 25, "invoice": 13}
PAYMENT_REASONS = {"card_declined": 50, "insufficient_funds": 25, "3ds_timeout": 15, "expired": 10}
LOGIN_REASONS = {"wrong_password": 80, "unknown_user": 15, "locked": 5}
TEMPLATES = {"order_confirmation": 50, "newsletter": 35, "password_reset": 15}
BOUNCES = {"mailbox_full": 40, "no_such_user": 45, "blocked": 15}


def interactions(seed: int, since: datetime, until: datetime) -> Iterator[SampleInteraction]:
    """The interactions after `since` and up to `until`, in the order of time."""
    minute = since.replace(second=0, microsecond=0)
    while minute <= until:
        for at, interaction in _in_minute(seed, minute):
            if since < at <= until:
                yield interaction
        minute += MINUTE


def incident_country(seed: int, minute: datetime) -> str | None:
    """The country of the password guessing in this minute, or None."""
    incident, into = divmod(_number(minute), INCIDENT_EVERY)
    if into >= INCIDENT_MINUTES:
        return None
    return _pick(Random(f"{seed} incident {incident}"), COUNTRIES)


def _in_minute(seed: int, minute: datetime) -> list[tuple[datetime, SampleInteraction]]:
    rng = Random(f"{seed} minute {_number(minute)}")
    makers = rng.choices([*_MAKERS], weights=[*_MAKERS.values()], k=_count(minute))
    generated = [maker(rng) for maker in makers]
    if country := incident_country(seed, minute):
        generated += [_failed_login(rng, country) for _ in range(INCIDENT_PER_MINUTE)]
    moments = sorted(rng.randrange(60_000) for _ in generated)
    rng.shuffle(generated)
    timed = [*zip(moments, generated, strict=True), *_outage(rng, minute)]
    timed.sort(key=lambda pair: pair[0])
    return [
        (at := minute + timedelta(milliseconds=ms), _stamped(rng, at, interaction))
        for ms, interaction in timed
    ]


def _outage(rng: Random, minute: datetime) -> list[tuple[int, SampleInteraction]]:
    """Payments that fail during an outage, with their milliseconds in the minute."""
    count = 0 if _number(minute) % OUTAGE_EVERY else OUTAGE_PAYMENTS
    return [
        (rng.randrange(OUTAGE_SECONDS * 1000), _failed_payment(rng, OUTAGE)) for _ in range(count)
    ]


def _number(minute: datetime) -> int:
    return int(minute.timestamp()) // 60


def _count(minute: datetime) -> int:
    wave = math.sin(2 * math.pi * (_number(minute) % DAY_MINUTES) / DAY_MINUTES)
    return round(60 * PER_SECOND * (1 + 0.3 * wave))


def _stamped(rng: Random, at: datetime, interaction: SampleInteraction) -> SampleInteraction:
    interaction["interactionId"] = str(UUID(int=rng.getrandbits(128), version=4))
    interaction["timestamp"] = format_instant(at)
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
    of_customer = Random(number)
    return number, _pick(of_customer, COUNTRIES), _pick(of_customer, PLANS)


def _pick(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices([*weights], weights=[*weights.values()])[0]


_MAKERS: dict[Callable[[Random], SampleInteraction], int] = {
    _login: 34,
    _email: 24,
    _order: 20,
    _checkout: 14,
    _failed_login: 4,
    _failed_payment: 2,
    _bounce: 2,
}
