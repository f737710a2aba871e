"""Forbidden targets of channels are refused at the connection, in every spelling."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpcore2 as httpcore
import pytest

from support.receivers import receiver
from tocsin.notifications.senders.addresses import TargetRefused, is_public
from tocsin.notifications.senders.guarded_transport import GuardedBackend
from tocsin.notifications.senders.http import HttpClient

AT = datetime(2026, 3, 20, tzinfo=UTC)

_TABLE = (Path(__file__).parent / "forbidden_targets.txt").read_text(encoding="utf-8")
FORBIDDEN = [
    host for line in _TABLE.splitlines() if not line.startswith("#") for host in line.split()
]


def test_there_are_at_least_120_forbidden_targets() -> None:
    assert len(set(FORBIDDEN)) == len(FORBIDDEN) >= 120


@pytest.mark.parametrize("host", FORBIDDEN)
def test_a_forbidden_target_is_refused_at_the_socket(host: str) -> None:
    network = RecordingNetwork()
    backend = GuardedBackend(allow_private=False, network=network)
    with pytest.raises(TargetRefused):
        asyncio.run(backend.connect_tcp(host, 80))
    assert network.addresses == []


def test_no_spelling_of_this_host_reaches_a_receiver_on_it() -> None:
    with receiver() as endpoint:
        spelled = [f"[{host}]" if ":" in host else host for host in FORBIDDEN]
        urls = [f"http://{host}:{endpoint.port}/" for host in spelled]
        errors = post_all(GuardedBackend(allow_private=False), urls)
        assert [url for url, error in zip(urls, errors, strict=True) if error is None] == []
        assert endpoint.received == []


def is_refusal(error: str | None) -> bool:
    return error is not None and "private or reserved" in error


def post(backend: GuardedBackend, url: str) -> str | None:
    return post_all(backend, [url])[0]


def post_all(backend: GuardedBackend, urls: list[str]) -> list[str | None]:
    """Make one POST to each URL; the errors in the order of the URLs."""

    async def send() -> list[str | None]:
        client = HttpClient(backend)
        errors = [(await client.post(url, b"{}", {}, AT)).error for url in urls]
        await client.close()
        return errors

    return asyncio.run(send())


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "localhost", "0x7f.1"])
def test_a_private_target_is_reached_if_the_settings_allow_it(host: str) -> None:
    with receiver() as endpoint:
        assert post(GuardedBackend(allow_private=True), f"http://{host}:{endpoint.port}/") is None
        assert len(endpoint.received) == 1


class RebindingResolver:
    """A resolver that gives its answers one after another, and then repeats the last one."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.lookups = 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.lookups += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class RecordingNetwork(httpcore.AsyncMockBackend):
    """Records the address of each connection, and refuses the connection."""

    def __init__(self) -> None:
        super().__init__([])
        self.addresses: list[str] = []

    async def connect_tcp(self, host: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        self.addresses.append(host)
        raise httpcore.ConnectError("no network in a test")


def test_a_rebound_name_is_connected_to_at_its_checked_address() -> None:
    resolver = RebindingResolver(["93.184.216.34"], ["127.0.0.1"])
    network = RecordingNetwork()
    backend = GuardedBackend(allow_private=False, resolve=resolver, network=network)
    assert "no network" in (post(backend, "http://rebinding.example/") or "")
    assert (resolver.lookups, network.addresses) == (1, ["93.184.216.34"])
    assert is_refusal(post(backend, "http://rebinding.example/"))
    assert network.addresses == ["93.184.216.34"]


def test_only_the_public_addresses_of_a_name_are_tried() -> None:
    resolver = RebindingResolver(["10.0.0.1", "93.184.216.34", "::1", "2606:2800:220:1::1"])
    network = RecordingNetwork()
    backend = GuardedBackend(allow_private=False, resolve=resolver, network=network)
    assert "no network" in (post(backend, "http://several.example/") or "")
    assert network.addresses == ["93.184.216.34", "2606:2800:220:1::1"]


def test_every_connection_is_checked_anew() -> None:
    with receiver() as endpoint:
        resolver = RebindingResolver(["127.0.0.1"])
        backend = GuardedBackend(allow_private=True, resolve=resolver)

        assert post_all(backend, [f"http://a.example:{endpoint.port}/"] * 2) == [None, None]
        assert resolver.lookups == 2


def test_a_unix_socket_is_no_target() -> None:
    backend = GuardedBackend(allow_private=True)
    with pytest.raises(TargetRefused):
        asyncio.run(backend.connect_unix_socket("/run/docker.sock"))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1"],
)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "example.com", "fe80::1%eth0", "1.2.3", "::ffff:1.2.3.4.5"])
def test_a_text_that_is_not_a_public_address_is_refused(text: str) -> None:
    assert not is_public(text)
