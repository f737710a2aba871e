"""Values of all parameters that differ from the defaults of the packs, and interactions that make
every alert of the packs fire, and recover."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tocsin.model.instant import format_instant

VALUES: dict[str, list[str]] = {
    "logins": [
        *("type=Person", "login=signed.in", "failedLogin=sign/in/refused", "account=userId"),
        *("country=geo.country", "address=geo.ip", "window=2m", "hold=0s", "failurePercent=12.5"),
        *("outagePercent=60", "minAttempts=5", "accountsPerAddress=3", "failuresPerAccount=4"),
        *("dropPercent=40", "minBase=6"),
    ],
    "shop": [
        *("order=Sale", "placed=sold", "total=sum.gross", "currency=ZAR", "hold=0s", "window=2m"),
        *("timezone=Africa/Johannesburg", "checkout=Cart", "started=opened", "completed=paid"),
        *("duration=time.ms", "dropPercent=25.5", "minBase=3", "completedPercent=50"),
        *("minCheckouts=4", "slow=500.5", "largeBasket=99.95"),
    ],
    "email": [
        *("type=Mail", "sent=out", "bounced=back", "complained=spam", "template=mail.kind"),
        *("domain=mail.to", "window=2m", "hold=0s", "bouncePercent=2.5", "domainPercent=10"),
        *("minSent=5", "complaintPercent=1", "minSentPerDay=6", "dropPercent=50"),
    ],
    "payments": [
        *("type=PMT", "succeeded=true", "failed=false", "refunded=8", "provider=psp.name"),
        *("reason=psp.code", "amount=psp.sum", "duration=psp.ms", "currency=R", "window=2m"),
        *("hold=0s", "failurePercent=20", "minAttempts=3", "slow=70", "refundPercent=30"),
        "minRefunds=2",
    ],
    "silence": ["origin=till-7", "window=2m", "minBase=2"],
    "api": [
        *("type=HTTP", "answered=done", "route=http.route", "status=http.status", "window=2m"),
        *("duration=http.ms", "hold=0s", "errorPercent=10", "outagePercent=40", "minRequests=4"),
        *("slow=250", "dropPercent=30"),
    ],
}
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)
LEAVES = timedelta(seconds=20)
"""After this time the interactions without a counterpart have left their windows."""
SHORT = timedelta(minutes=2) - LEAVES

Interaction = dict[str, Any]


def arguments(pack: str) -> list[str]:
    """The options of a command that give the values of a pack."""
    return [f"--set={value}" for value in VALUES[pack]]


def incident(now: datetime) -> Iterator[Interaction]:
    """Everything goes wrong, except the revenue of the shop."""
    yield from _of(12, "Person", "signed.in", now - WEEK - HOUR / 2)
    for number in range(4):
        place = {"geo": {"country": "ZA", "ip": "203.0.113.9"}}
        attempt = _of(1, "Person", "sign/in/refused", now - SHORT, place)
        yield from ({**each, "userId": f"user-{number}"} for each in attempt)
    guessed = _of(5, "Person", "sign/in/refused", now - SHORT, {"geo": {"country": "ZA"}})
    yield from ({**each, "userId": "target"} for each in guessed)

    yield from _of(9, "Sale", "sold", now - WEEK - HOUR / 2, {"sum": {"gross": 10}})
    yield from _of(1, "Sale", "sold", now - HOUR + LEAVES, {"sum": {"gross": 100}})
    yield from _of(8, "Cart", "opened", now)
    yield from _of(1, "Cart", "paid", now, {"time": {"ms": 501}})

    message = {"mail": {"kind": "newsletter", "to": "example.com"}}
    yield from _of(40, "Mail", "out", now - WEEK - HOUR / 2)
    yield from _of(9, "Mail", "out", now, message)
    yield from _of(3, "Mail", "back", now, message)
    yield from _of(1, "Mail", "spam", now, message)

    yield from _of(3, "PMT", "true", now - DAY - HOUR / 2, {"psp": {"name": "wallet", "sum": 1}})
    refused = {"psp": {"name": "acme", "code": "timeout", "ms": 71}}
    yield from _of(3, "PMT", "false", now, refused)
    yield from _of(1, "PMT", "true", now, {"psp": {"name": "acme", "ms": 71, "sum": 10}})
    yield from _of(2, "PMT", "8", now, {"psp": {"name": "acme", "sum": 4}})

    yield from _of(2, "Till", "beat", now - DAY - timedelta(seconds=5), origin="till-8")

    yield from _of(50, "HTTP", "done", now - WEEK - HOUR / 2)
    failed = {"http": {"route": "POST /orders", "status": 503, "ms": 251}}
    yield from _of(4, "HTTP", "done", now, failed)


def recovery(now: datetime) -> Iterator[Interaction]:
    """Everything works again, but the shop sells for nothing."""
    yield from _of(200, "Person", "signed.in", now, {"geo": {"country": "ZA"}})
    yield from _of(9, "Sale", "sold", now, {"sum": {"gross": 0}})
    yield from _of(100, "Cart", "opened", now)
    yield from _of(100, "Cart", "paid", now, {"time": {"ms": 5}})
    message = {"mail": {"kind": "newsletter", "to": "example.com"}}
    yield from _of(400, "Mail", "out", now, message)
    paid = {"ms": 5, "sum": 100}
    yield from _of(100, "PMT", "true", now, {"psp": {"name": "acme", **paid}})
    yield from _of(1, "PMT", "true", now, {"psp": {"name": "wallet", **paid}})
    for origin in ("till-7", "till-8"):
        yield from _of(1, "Till", "beat", now, origin=origin)
    answered = {"http": {"route": "POST /orders", "status": "201", "ms": 9}}
    yield from _of(200, "HTTP", "done", now, answered)


def revenue(now: datetime) -> Iterator[Interaction]:
    yield from _of(1, "Sale", "sold", now, {"sum": {"gross": 90}})


def _of(
    times: int,
    resource_type: str,
    action: str,
    at: datetime,
    payload: dict[str, Any] | None = None,
    origin: str = "WEB",
) -> list[Interaction]:
    interaction = {
        "resourceType": resource_type,
        "resourceId": "1",
        "action": action,
        "origin": origin,
        "timestamp": format_instant(at),
        "interaction": payload or {},
    }
    return [interaction] * times
