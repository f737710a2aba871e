"""What happens in a shop that does not exist: plausible interactions for the demo.

Every minute of time has its own, and they follow from the seed and that minute alone, ids
included. So history and what comes live are one sequence, and loading a stretch of it again, today
or after a restart, adds nothing to what was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tocsin.model.instant import format_instant

Interaction = dict[str, Any]

MINUTE = timedelta(minutes=1)
PER_SECOND = 15
CUSTOMERS = 4_000
# A day of this shop's ups and downs passes in half an hour, so that they can be watched.
DAY_MINUTES = 30
INCIDENT_EVERY, INCIDENT_MINUTES, INCIDENT_PER_MINUTE = 12, 3, 240
# Every other minute a payment gateway is down, so that an alert fires and recovers while one looks.
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


def interactions(seed: int, since: datetime, until: datetime) -> Iterator[Interaction]:
    """What happens after `since` and not after `until`, in the order of time."""
    minute = since.replace(second=0, microsecond=0)
    while minute <= until:
        for at, interaction in _in_minute(seed, minute):
            if since < at <= until:
                yield interaction
        minute += MINUTE


def incident_country(seed: int, minute: datetime) -> str | None:
    """The country from which somebody tries passwords in this minute, if anybody does."""
    incident, into = divmod(_number(minute), INCIDENT_EVERY)
    if into >= INCIDENT_MINUTES:
        return None
    return _pick(Random(f"{seed} incident {incident}"), COUNTRIES)


def _in_minute(seed: int, minute: datetime) -> list[tuple[datetime, Interaction]]:
    rng = Random(f"{seed} minute {_number(minute)}")
    makers = rng.choices([*_MAKERS], weights=[*_MAKERS.values()], k=_how_many(minute))
    made = [maker(rng) for maker in makers]
    if country := incident_country(seed, minute):
        made += [_failed_login(rng, country) for _ in range(INCIDENT_PER_MINUTE)]
    moments = sorted(rng.randrange(60_000) for _ in made)
    rng.shuffle(made)
    happening = [*zip(moments, made, strict=True), *_outage(rng, minute)]
    happening.sort(key=lambda one: one[0])
    return [
        (at := minute + timedelta(milliseconds=ms), _stamped(rng, at, interaction))
        for ms, interaction in happening
    ]


def _outage(rng: Random, minute: datetime) -> list[tuple[int, Interaction]]:
    """Payments that fail because a gateway is down, with their milliseconds in the minute."""
    count = 0 if _number(minute) % OUTAGE_EVERY else OUTAGE_PAYMENTS
    return [
        (rng.randrange(OUTAGE_SECONDS * 1000), _failed_payment(rng, OUTAGE)) for _ in range(count)
    ]


def _number(minute: datetime) -> int:
    return int(minute.timestamp()) // 60


def _how_many(minute: datetime) -> int:
    wave = math.sin(2 * math.pi * (_number(minute) % DAY_MINUTES) / DAY_MINUTES)
    return round(60 * PER_SECOND * (1 + 0.3 * wave))


def _stamped(rng: Random, at: datetime, interaction: Interaction) -> Interaction:
    interaction["interactionId"] = str(UUID(int=rng.getrandbits(128), version=4))
    interaction["timestamp"] = format_instant(at)
    return interaction


def _order(rng: Random) -> Interaction:
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


def _checkout(rng: Random) -> Interaction:
    number, country, _ = _customer(rng)
    payload = {"durationMs": round(rng.lognormvariate(6.2, 0.6)), "country": country}
    cart = f"cart-{rng.randrange(10**8)}"
    return _interaction(rng, "CHECKOUT", "COMPLETED", cart, number, payload)


def _failed_payment(rng: Random, reason: str | None = None) -> Interaction:
    number, country, _ = _customer(rng)
    payload = {
        "reason": reason or _pick(rng, PAYMENT_REASONS),
        "amount": round(rng.lognormvariate(4.1, 0.8), 2),
        "country": country,
    }
    payment = f"payment-{rng.randrange(10**8)}"
    return _interaction(rng, "PAYMENT", "FAILED", payment, number, payload)


def _login(rng: Random) -> Interaction:
    number, country, plan = _customer(rng)
    payload = {"country": country, "plan": plan}
    return _interaction(rng, "ACCOUNT", "LOGGED_IN", f"account-{number}", number, payload)


def _failed_login(rng: Random, country: str | None = None) -> Interaction:
    number, home, _ = _customer(rng)
    payload = {"country": country or home, "reason": _pick(rng, LOGIN_REASONS)}
    return _interaction(rng, "ACCOUNT", "LOGIN_FAILED", f"account-{number}", number, payload)


def _email(rng: Random) -> Interaction:
    return _mail(rng, "SENT", {"template": _pick(rng, TEMPLATES)})


def _bounce(rng: Random) -> Interaction:
    return _mail(rng, "BOUNCED", {"template": _pick(rng, TEMPLATES), "why": _pick(rng, BOUNCES)})


def _mail(rng: Random, action: str, payload: dict[str, Any]) -> Interaction:
    number, _, _ = _customer(rng)
    mail = _interaction(rng, "EMAIL", action, f"email-{rng.randrange(10**8)}", number, payload)
    return mail | {"origin": "MAILER"}


def _interaction(
    rng: Random, resource_type: str, action: str, resource_id: str, customer: int, payload: Any
) -> Interaction:
    return {
        "resourceType": resource_type,
        "resourceId": resource_id,
        "action": action,
        "origin": _pick(rng, SHOPFRONTS),
        "userId": f"customer-{customer}",
        "interaction": payload,
    }


def _customer(rng: Random) -> tuple[int, str, str]:
    """A customer's number, country and plan; some come far more often than others."""
    number = int(CUSTOMERS * rng.random() ** 2)
    always_the_same = Random(number)
    return number, _pick(always_the_same, COUNTRIES), _pick(always_the_same, PLANS)


def _pick(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices([*weights], weights=[*weights.values()])[0]


_MAKERS: dict[Callable[[Random], Interaction], int] = {
    _login: 34,
    _email: 24,
    _order: 20,
    _checkout: 14,
    _failed_login: 4,
    _failed_payment: 2,
    _bounce: 2,
}
