"""Wrong keys are limited by address; right keys are not, except for a guessable one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from support.deployments import settings_in
from tocsin.access.wrong_keys import MAX_ADDRESSES, WrongKeys, network_of
from tocsin.api.app import create_app
from tocsin.model.ceilings import WRONG_KEYS
from tocsin.model.key import GUESSABLE_BITS, estimated_bits
from tocsin.runtime import Runtime
from tocsin.web.app import add_pages

ACTIONS, RECORD = "/api/actions", "/api/interactions"
SENT = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
STRONG = "tsn_admin_0f9d8c7b6a5e4d3c2b1a0f9e8d7c6b5a"
GUESSABLE = "a" * 16


class Attacked:
    """An application with a clock that the test sets, and clients from any address."""

    def __init__(self, path: Path, admin_key: str) -> None:
        self.runtime = Runtime(settings_in(path, admin_key=admin_key))
        self.runtime.key_service.adopt(self.runtime.settings.admin_key)
        self.app = create_app(self.runtime)
        add_pages(self.app, self.runtime)

    def client(self, key: str | None = None, address: str = "192.0.2.1") -> TestClient:
        headers = {"sec-fetch-site": "same-origin", **({"x-api-key": key} if key else {})}
        return TestClient(self.app, headers=headers, client=(address, 4711), follow_redirects=False)

    def guess(self, count: int, address: str = "192.0.2.1") -> list[int]:
        client = self.client(address=address)
        return [
            client.get(ACTIONS, headers={"x-api-key": f"guess {n}"}).status_code
            for n in range(count)
        ]


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    opened = Attacked(tmp_path, STRONG)
    yield opened
    opened.runtime.close()


@pytest.fixture
def weak(tmp_path: Path) -> Iterator[Attacked]:
    opened = Attacked(tmp_path, GUESSABLE)
    yield opened
    opened.runtime.close()


def is_limited(answer: Response) -> bool:
    return answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 60


def test_the_eleventh_wrong_key_in_a_minute_is_429_on_every_way_in(attacked: Attacked) -> None:
    assert attacked.guess(WRONG_KEYS) == [401] * WRONG_KEYS
    client = attacked.client("another guess")
    assert is_limited(client.get(ACTIONS))
    assert is_limited(client.post(RECORD, json=SENT)), "what is answered ahead of the framework"
    page = client.post("/web/sign-in", data={"key": "another guess"})
    assert is_limited(page)
    assert "Too many wrong keys" in page.text
    problem = client.get(ACTIONS).json()
    assert problem["type"] == "urn:tocsin:problem:too-many-wrong-keys"


def test_sign_ins_with_wrong_keys_count_as_well(attacked: Attacked) -> None:
    client = attacked.client()
    for _ in range(WRONG_KEYS):
        assert client.post("/web/sign-in", data={"key": "guess"}).status_code == 401
    assert is_limited(client.post("/web/sign-in", data={"key": "guess"}))
    assert is_limited(client.get(ACTIONS, headers={"x-api-key": "guess"}))


def test_a_sender_with_a_wrong_key_does_not_lock_out_others_of_its_address(
    attacked: Attacked,
) -> None:
    attacked.guess(50)
    assert attacked.client(STRONG).get(ACTIONS).status_code == 200
    assert attacked.client(STRONG).post(RECORD, json=SENT).status_code == 201
    signed_in = attacked.client().post("/web/sign-in", data={"key": STRONG})
    assert signed_in.status_code == 303


def test_wrong_keys_of_one_address_are_not_counted_for_another(attacked: Attacked) -> None:
    attacked.guess(50)
    assert attacked.guess(1, "192.0.2.2") == [401]
    forged = {"x-api-key": "guess", "x-forwarded-for": "192.0.2.3", "forwarded": "for=192.0.2.3"}
    assert is_limited(attacked.client().get(ACTIONS, headers=forged)), "a header is not believed"


def test_a_request_without_a_key_is_no_guess(attacked: Attacked) -> None:
    assert {attacked.client().get(ACTIONS).status_code for _ in range(30)} == {401}


def test_a_guessable_key_of_the_environment_is_limited_even_if_it_is_guessed(
    weak: Attacked,
) -> None:
    assert weak.client(GUESSABLE).get(ACTIONS).status_code == 200
    weak.guess(WRONG_KEYS)
    assert is_limited(weak.client(GUESSABLE).get(ACTIONS))
    assert is_limited(weak.client().post("/web/sign-in", data={"key": GUESSABLE}))
    assert weak.client(GUESSABLE, "192.0.2.2").get(ACTIONS).status_code == 200


@pytest.mark.parametrize(
    ("secret", "is_guessable"),
    [
        ("a" * 40, True),
        ("0123456789abcdefghij", True),
        ("passwordpassword", True),
        ("changemechangeme", True),
        ("abababababababab", True),
        (STRONG, False),
        ("tsn_admin_for_the_tests_0123456789", False),
        ("kB3xv9Qm2LrT8wZa", False),
    ],
)
def test_a_key_of_few_bits_is_guessable(secret: str, is_guessable: bool) -> None:
    assert (estimated_bits(secret) < GUESSABLE_BITS) is is_guessable


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_an_address_of_ipv6_is_counted_by_its_network(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_a_window_ends_after_a_minute_and_memory_is_bounded() -> None:
    clock = SimpleNamespace(now=0.0)
    wrong = WrongKeys(lambda: clock.now)
    for _ in range(WRONG_KEYS):
        assert wrong.count("a") == 0
    clock.now = 59.5
    assert (wrong.count("a"), wrong.wait("a"), wrong.wait("b")) == (1, 1, 0)
    clock.now = 60
    assert (wrong.wait("a"), wrong.count("a")) == (0, 0)
    for n in range(3 * MAX_ADDRESSES):
        wrong.count(f"address {n}")
    assert len(wrong) == MAX_ADDRESSES
    clock.now = 120
    wrong.count("a")
    assert len(wrong) == 1


def test_a_key_that_was_revoked_counts_as_wrong(attacked: Attacked) -> None:
    admin = attacked.client(STRONG)
    created = admin.post("/api/keys", json={"name": "n", "role": "ingest"}).json()
    admin.delete(f"/api/keys/{created['keyId']}")
    sender = attacked.client(created["key"])
    answers = [sender.post(RECORD, json=SENT) for _ in range(WRONG_KEYS + 1)]
    assert [answer.status_code for answer in answers[:-1]] == [401] * WRONG_KEYS
    assert is_limited(answers[-1])
