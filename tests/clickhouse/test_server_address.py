"""The URL of a ClickHouse server is parsed completely, or rejected with a sentence."""

from __future__ import annotations

import pytest

from tocsin.clickhouse.server_address import ServerAddress


def test_a_url_names_the_server_the_database_and_the_user() -> None:
    address = ServerAddress.parse("clickhouse://ann:secret@db.example:18123/tocsin")
    assert (address.host, address.port, address.database) == ("db.example", 18123, "tocsin")
    assert (address.user, address.password, address.is_secure) == ("ann", "secret", False)


def test_port_database_and_user_have_defaults() -> None:
    assert ServerAddress.parse("clickhouse://db") == ServerAddress("db", 8123)
    assert ServerAddress.parse("clickhouse://db/") == ServerAddress("db", 8123)
    assert ServerAddress.parse("clickhouses://db").port == 8443
    assert ServerAddress.parse("clickhouses://db").is_secure


def test_user_password_and_database_are_percent_encoded() -> None:
    address = ServerAddress.parse("clickhouse://a%40b:p%2Fq%3A%23%25@[::1]:9/d%20e")
    assert (address.user, address.password) == ("a@b", "p/q:#%")
    assert (address.host, str(address), address.database) == ("::1", "[::1]:9", "d e")


def test_no_text_of_an_address_has_the_password() -> None:
    address = ServerAddress.parse("clickhouse://ann:secret@db/tocsin")
    assert "secret" not in f"{address} {address!r}"
    assert str(address) == "db:8123"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://db:8123", "starts with clickhouse://"),
        ("db:8123/tocsin", "starts with clickhouse://"),
        ("", "starts with clickhouse://"),
        ("clickhouse://", "names no host"),
        ("clickhouse://ann:secret@:8123/x", "names no host"),
        ("clickhouse://db:0", "names no host and port"),
        ("clickhouse://db:99999", "a number from 1 to 65535"),
        ("clickhouse://ann:sec/ret@db:8123/tocsin", "percent-encoded"),
        ("clickhouse://[::1", "is not valid"),
        ("clickhouse://db/a/b", "one database name"),
        ("clickhouse://h1:8123,h2:8123/tocsin", "Name one host"),
        ("clickhouse://h1/tocsin?cluster=main", "Clusters are not supported yet"),
        ("clickhouse://h1/tocsin?compress=1", "has no options"),
        ("clickhouse://h1/tocsin#x", "has no options"),
    ],
)
def test_a_wrong_url_is_rejected_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        ServerAddress.parse(url)
    assert "secret" not in str(caught.value)
