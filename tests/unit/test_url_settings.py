"""The URLs of a ClickHouse server and of a PostgreSQL database are parsed by one rule each, or
rejected with one sentence that names the variable and does not quote the password."""

from __future__ import annotations

import pytest

from tocsin.config import Settings
from tocsin.errors import InvalidSettings
from tocsin.model.database_address import DatabaseAddress
from tocsin.model.server_address import ServerAddress

CLICKHOUSE = "clickhouse://ann:secret@ch.example:18123/tocsin"
DATABASE = "postgresql+psycopg://ann:secret@pg.example:15432/tocsin"
ENCODED = "must have it percent-encoded"
WRONG_IN_BOTH = [
    ("", "must be the URL of a"),
    ("db:1/tocsin", "must be the URL of a"),
    ("http://ann:secret@db/tocsin", "must be the URL of a"),
    ("{}", "must be the URL of a"),
    ("{}:ann:secret@db/tocsin", "must be the URL of a"),
    ("{}://ann:secret@[::1/tocsin", "must be the URL of a"),
    ("{}://ann:secret@db", "must end with the name of a database"),
    ("{}://ann:secret@db/", "must end with the name of a database"),
    ("{}://ann:secret@db/a/b", "must end with the name of a database"),
    ("{}:///tocsin", "must name a host"),
    ("{}://ann:secret@/tocsin", "must name a host"),
    ("{}://ann:secret@:123/tocsin", "must name a host"),
    ("{}://ann:secret@db:0/tocsin", "a port from 1 to 65535"),
    ("{}://ann:secret@db:65536/tocsin", "a port from 1 to 65535"),
    ("{}://ann:secret@db:port/tocsin", "a port from 1 to 65535"),
    ("{}://ann:secret@a:1,b:2/tocsin", "must name one host"),
    ("{}://ann:secret@a,b/tocsin", "must name one host"),
    ("{}://ann:secret/1@db/tocsin", ENCODED),
    ("{}://ann:12/secret@db/tocsin", ENCODED),
    ("{}://ann:secret?1@db/tocsin", ENCODED),
    ("{}://ann:12?secret@db/tocsin", ENCODED),
    ("{}://ann:secret#1@db/tocsin", ENCODED),
    ("{}://ann:12#secret@db/tocsin", ENCODED),
    ("{}://db/tocsin#secret", "must have no #"),
    ("{}://ann:secret @db/tocsin", "no spaces or control characters"),
    ("{}://ann:sec\nret@db/tocsin", "no spaces or control characters"),
    ("{}://ann:secret%00@db/tocsin", "no control characters"),
    ("{}://ann:secret@db/toc%0asin", "no control characters"),
]
WRONG_CLICKHOUSE = [
    ("clickhouse://db/tocsin?cluster=", "must name the cluster"),
    ("clickhouse://db/tocsin?cluster=a&cluster=secret", "must have no options"),
    ("clickhouse://db/tocsin?compress=secret", "must have no options"),
    ("clickhouse://db/tocsin?cluster=a&compress=secret", "must have no options"),
    ("clickhouse://a,b,a:8123/tocsin?cluster=c", "each server of a cluster once"),
    ("clickhouse://a,/tocsin?cluster=c", "must name a host"),
    ("clickhouse://ann:secret@a,b:x/tocsin?cluster=c", "a port from 1 to 65535"),
]
WRONG_DATABASE = [
    ("mysql://ann:secret@db/tocsin", "must be the URL of a PostgreSQL database"),
    ("postgresql://db/tocsin?sslmode=secret&sslmode=b", "must have each option once"),
    ("postgresql+psycopg2://ann:secret@db/tocsin", "must be the URL of a PostgreSQL database"),
]


def refusal(**urls: str) -> str:
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(**{"database_url": DATABASE, "clickhouse_url": CLICKHOUSE, **urls})
    message = str(caught.value)
    assert "secret" not in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("url", "rule"),
    [(url.format("clickhouse"), rule) for url, rule in WRONG_IN_BOTH] + WRONG_CLICKHOUSE,
)
def test_a_wrong_clickhouse_url_is_rejected_with_its_rule(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        ServerAddress.parse(url)
    if url:
        message = refusal(clickhouse_url=url)
        assert message.startswith("These settings are invalid: TOCSIN_CLICKHOUSE_URL must ")
        assert rule in message
        assert "TOCSIN_DATABASE_URL" not in message


@pytest.mark.parametrize(
    ("url", "rule"),
    [(url.format("postgresql"), rule) for url, rule in WRONG_IN_BOTH] + WRONG_DATABASE,
)
def test_a_wrong_database_url_is_rejected_with_its_rule(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        DatabaseAddress.parse(url)
    if url:
        message = refusal(database_url=url)
        assert message.startswith("These settings are invalid: TOCSIN_DATABASE_URL must ")
        assert rule in message
        assert "TOCSIN_CLICKHOUSE_URL" not in message


def test_two_wrong_urls_are_named_together() -> None:
    message = refusal(database_url="x", clickhouse_url="y")
    assert "TOCSIN_DATABASE_URL must" in message
    assert "TOCSIN_CLICKHOUSE_URL must" in message


def test_a_url_names_the_server_the_database_and_the_user() -> None:
    address = ServerAddress.parse(CLICKHOUSE)
    assert address == ServerAddress("ch.example", 18123, "tocsin", "ann", "secret")
    assert DatabaseAddress.parse(DATABASE) == DatabaseAddress(
        "pg.example", 15432, "tocsin", "ann", "secret"
    )


def test_a_url_names_all_servers_of_a_cluster() -> None:
    cluster = ServerAddress.parse("clickhouse://ann:secret@a:1,[::1],c:3/d?cluster=main")
    assert cluster.cluster == "main"
    assert cluster.servers == tuple(
        ServerAddress(host, port, "d", "ann", "secret")
        for host, port in (("a", 1), ("::1", 8123), ("c", 3))
    )
    assert str(cluster) == "a:1,[::1]:8123,c:3"
    assert ServerAddress.parse("clickhouse://a/d?cluster=main").cluster == "main"
    alone = ServerAddress.parse(CLICKHOUSE)
    assert alone.servers == (alone,)


def test_port_and_user_may_be_left_out() -> None:
    assert ServerAddress.parse("clickhouse://db/d") == ServerAddress("db", 8123, "d")
    secure = ServerAddress.parse("clickhouses://db/d")
    assert secure == ServerAddress("db", 8443, "d", is_secure=True)
    assert DatabaseAddress.parse("postgresql://db/d") == DatabaseAddress("db", None, "d")


def test_user_password_and_database_are_percent_encoded() -> None:
    server = ServerAddress.parse("clickhouse://a%40b:p%2Fq%3A%23%25@[::1]:9/d%C3%A9")
    assert server == ServerAddress("::1", 9, "dé", "a@b", "p/q:#%")
    database = DatabaseAddress.parse("postgres://a%40b:p%2Fq%3A%23%25@[::1]:9/d%C3%A9")
    assert database == DatabaseAddress("::1", 9, "dé", "a@b", "p/q:#%")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_the_same(scheme: str) -> None:
    url = DATABASE.replace("postgresql+psycopg", scheme)
    assert DatabaseAddress.parse(url) == DatabaseAddress.parse(DATABASE)


def test_options_of_a_database_are_kept_in_their_order() -> None:
    address = DatabaseAddress.parse("postgresql:///d?host=/run/a&host=b&sslmode=verify-full")
    assert address.options == (("host", "/run/a"), ("host", "b"), ("sslmode", "verify-full"))


def test_no_text_of_an_address_has_the_password() -> None:
    server, database = ServerAddress.parse(CLICKHOUSE), DatabaseAddress.parse(DATABASE)
    assert "secret" not in f"{server} {server!r} {database} {database!r}"
    assert (str(server), str(database)) == ("ch.example:18123", "pg.example:15432/tocsin")
