"""Decides which addresses a message may be sent to.

A channel must not give access to services that only this machine can reach: its own services, its
neighbours, the metadata service of a cloud. Every address that IANA's registries of
special-purpose addresses do not call globally reachable is refused.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from tocsin.errors import TocsinError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, in the order in which they are to be tried."""

_SPECIAL_4 = [
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Globally routed in name, but answered by the host that the machine runs on (Azure).
        "168.63.129.16/32",
    )
]
_GLOBAL_6 = ip_network("2000::/3")
# Within what is global: protocols, Teredo and ORCHID, documentation, 6to4 and its like, AS112.
_SPECIAL_6 = [
    ip_network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
]


class TargetRefused(TocsinError):
    """This address is private or reserved: TOCSIN_ALLOW_PRIVATE_TARGETS would allow it."""


def is_public(address: str) -> bool:
    """Whether an address is globally reachable; False for a text that is no address.

    An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo) is never public: the
    spelling is never necessary, and a gateway decides where its packets go.
    """
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _SPECIAL_4)
    return parsed in _GLOBAL_6 and not any(parsed in network for network in _SPECIAL_6)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host by the system's resolver. It also reads addresses in octal,
    hexadecimal or as one number, so that no spelling evades the check."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[list[str]] = loop.create_future()

    def answer(outcome: list[str] | Exception) -> None:
        if answered.done():
            return
        if isinstance(outcome, Exception):
            answered.set_exception(outcome)
        else:
            answered.set_result(outcome)

    def look_up() -> None:
        outcome: list[str] | Exception
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome = list(dict.fromkeys(str(address[0]) for *_, address in addresses))
        except (OSError, UnicodeError) as error:
            outcome = error
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(answer, outcome)

    # A look-up cannot be interrupted. In a pool, look-ups at a dead name server would delay the
    # others and the end of the process.
    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    return await answered
