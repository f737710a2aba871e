"""`tocsin migrate`, `tocsin doctor` and `tocsin serve` on a ClickHouse server and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import environ
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from support.databases import create_database, drop, url_of
from support.deployments import servers_only
from support.engines import execute
from support.running import Completed, run_tocsin
from support.serving import Server
from tocsin.model.server_address import ServerAddress

pytestmark = servers_only
KEY = "an admin key for the tests of servers"
Tocsin = Callable[..., Completed]


class Servers:
    """Two empty databases, and the variables that name them."""

    def __init__(self) -> None:
        self.name = create_database()
        server = urlsplit(environ["TOCSIN_TEST_CLICKHOUSE_URL"])
        self.variables = {
            "TOCSIN_DATABASE_URL": url_of(self.name),
            "TOCSIN_CLICKHOUSE_URL": server._replace(path=f"/{self.name}").geturl(),
            "TOCSIN_ADMIN_KEY": KEY,
            "TOCSIN_PORT": "0",
        }

    def run(self, *arguments: object, **variables: str) -> Completed:
        return run_tocsin(*arguments, environment={**self.variables, **variables})

    def refusal(self, *arguments: object, **variables: str) -> str:
        """The sentence of a command that fails."""
        failed = self.run(*arguments, **variables)
        assert failed.returncode == 1
        assert "Traceback" not in failed.stderr
        *_, sentence = failed.stderr.splitlines()
        assert sentence.startswith("tocsin: ")
        return str(sentence)

    @property
    def address(self) -> ServerAddress:
        return ServerAddress.parse(self.variables["TOCSIN_CLICKHOUSE_URL"])

    def execute_in_postgresql(self, statement: str) -> None:
        url = self.variables["TOCSIN_DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def open_appends(self) -> int:
        url = self.variables["TOCSIN_DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            rows = connection.execute("SELECT number FROM appends WHERE state <> 'ended'")
            return len(rows.fetchall())

    def drop(self) -> None:
        drop([self.name])
        elsewhere = replace(self.address, database="default")
        execute(elsewhere, f"DROP DATABASE IF EXISTS {self.name} SYNC")


@contextmanager
def empty_servers() -> Iterator[Servers]:
    servers = Servers()
    try:
        yield servers
    finally:
        servers.drop()


@pytest.fixture
def servers() -> Iterator[Servers]:
    with empty_servers() as servers:
        yield servers


@pytest.fixture
def migrated(servers: Servers) -> Servers:
    assert servers.run("migrate").returncode == 0
    return servers


def test_migrate_prints_each_statement_and_can_be_repeated(servers: Servers) -> None:
    planned = servers.run("migrate", "--dry-run")
    assert planned.returncode == 0
    again = servers.run("migrate", "--dry-run")
    # SQLAlchemy has the indexes of a table in a set.
    assert sorted(again.stdout.splitlines()) == sorted(planned.stdout.splitlines())
    done = servers.run("migrate")
    assert done.returncode == 0, done.stderr
    for statement in ("CREATE TABLE catalog", "CREATE TABLE IF NOT EXISTS interactions"):
        assert statement in planned.stdout
        assert statement in done.stdout
    repeated = servers.run("migrate")
    assert repeated.stdout.splitlines() == [
        *("-- PostgreSQL", "-- is up to date", "-- ClickHouse", "-- is up to date")
    ]


def test_the_first_migration_prints_an_admin_key_if_none_is_given(servers: Servers) -> None:
    first = servers.run("migrate", TOCSIN_ADMIN_KEY="")
    assert "Your admin key, shown this once:  tsn_admin_" in first.stdout
    assert "Your admin key" not in servers.run("migrate", TOCSIN_ADMIN_KEY="").stdout


def test_serve_refuses_servers_that_were_not_migrated(servers: Servers) -> None:
    assert "run `tocsin migrate`" in servers.refusal("serve", "--port", 0)


def test_serve_refuses_another_admin_key_than_the_migrated_one(migrated: Servers) -> None:
    refused = migrated.run("serve", "--port", 0, TOCSIN_ADMIN_KEY="another key of the environment")
    assert refused.returncode == 1
    assert "TOCSIN_ADMIN_KEY is not the admin key of this installation" in refused.stderr


def test_doctor_reports_what_is_missing_and_then_that_all_is_well(servers: Servers) -> None:
    before = servers.run("doctor")
    assert before.returncode == 1
    assert "run `tocsin migrate`" in before.stdout
    servers.run("migrate")
    after = servers.run("doctor")
    assert after.returncode == 0, after.stdout
    assert "problem" not in after.stdout
    assert "for each node: enough for" in after.stdout


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize("name", ["DATABASE", "CLICKHOUSE"])
def test_a_server_that_is_away_is_one_sentence(migrated: Servers, command: str, name: str) -> None:
    variable = f"TOCSIN_{name}_URL"
    away = urlsplit(migrated.variables[variable])._replace(netloc="tocsin:hidden@127.0.0.1:1")
    sentence = migrated.refusal(command, **{variable: away.geturl()})
    assert "127.0.0.1" in sentence
    assert "hidden" not in sentence


def test_databases_of_two_installations_are_refused(migrated: Servers) -> None:
    with empty_servers() as other:
        other.run("migrate")
        foreign = {"TOCSIN_CLICKHOUSE_URL": other.variables["TOCSIN_CLICKHOUSE_URL"]}
        for command in ("serve", "migrate"):
            assert "belong to two installations" in migrated.refusal(command, **foreign)
        examined = migrated.run("doctor", **foreign)
        assert examined.returncode == 1
        assert "belong to two installations" in examined.stdout


def test_a_lost_clickhouse_database_is_replaced_only_on_request(migrated: Servers) -> None:
    for table in ("interactions", "interactions_local"):
        execute(migrated.address, f"DROP TABLE IF EXISTS {table} SYNC")
    assert "run `tocsin migrate`" in migrated.refusal("serve", "--port", 0)
    assert "--accept-new-engine" in migrated.refusal("migrate")
    assert migrated.run("migrate", "--accept-new-engine").returncode == 0
    assert migrated.run("doctor").returncode == 0


def test_a_lost_postgresql_database_is_replaced_only_on_request(
    migrated: Servers, tmp_path: Path
) -> None:
    with serving(migrated, tmp_path) as server, server.client() as client:
        assert client.post("/api/interactions/batch", json=[interaction("1")]).json()["accepted"]
    with empty_servers() as new:
        lost = {"TOCSIN_DATABASE_URL": new.variables["TOCSIN_DATABASE_URL"]}
        assert "--accept-new-store" in migrated.refusal("migrate", **lost)
        assert migrated.run("migrate", "--accept-new-store", **lost).returncode == 0
        assert migrated.run("doctor", **lost).returncode == 0


def test_an_append_that_was_open_at_the_dump_is_ended_where_no_node_is_left_to_do_it(
    migrated: Servers,
) -> None:
    migrated.execute_in_postgresql(
        "INSERT INTO appends (number, previous, count, node, kind, state, news, ids, seed, "
        "generated, staged) VALUES (7, 0, 3, 'lost', 'block', 'open', '', '', '', 0, '')"
    )
    assert migrated.run("migrate").returncode == 0
    assert migrated.open_appends() == 1
    assert migrated.run("migrate", "--restored").returncode == 0
    assert migrated.open_appends() == 0


def test_a_missing_right_is_one_sentence(migrated: Servers) -> None:
    role = f"{migrated.name}_reader"
    migrated.execute_in_postgresql(
        f'CREATE ROLE "{role}" LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{role}"'
    )
    try:
        url = urlsplit(migrated.variables["TOCSIN_DATABASE_URL"])
        netloc = f"{role}@{url.netloc.rpartition('@')[2]}"
        variable = {"TOCSIN_DATABASE_URL": url._replace(netloc=netloc).geturl()}
        assert "may not INSERT, UPDATE, DELETE" in migrated.refusal("serve", **variable)
        assert "may not create tables" in migrated.refusal("migrate", **variable)
    finally:
        migrated.execute_in_postgresql(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_a_node_records_calculates_alerts_and_shows_pages_without_a_folder(
    migrated: Servers, tmp_path: Path
) -> None:
    with serving(migrated, tmp_path) as server:
        with server.client() as client:
            batch = [interaction(str(number)) for number in range(5)]
            answer = client.post("/api/interactions/batch", json=batch)
            assert answer.json() == {"accepted": 5, "duplicates": 0, "rejected": []}
            metric = {"name": "Logins", "metricType": "COUNT", "action": "LOGIN"}
            id = client.post("/api/interaction-metrics", json=metric).json()["metricId"]
            calculated = client.post(f"/api/interaction-metrics/{id}/calculate").json()
            assert calculated["results"] == [{"value": 5, "dimensions": None}]
            alert = client.post("/api/interaction-alerts", json=alert_on(id)).json()
            states = client.get(f"/api/interaction-alerts/{alert['alertId']}/states").json()
            assert [state["status"] for state in states] == ["FIRING"]
            form = {"key": KEY, "next": "/"}
            page = client.post("/web/sign-in", data=form, headers={"sec-fetch-site": "same-origin"})
            assert page.status_code == 303
        assert server.stop() == 0
        server.start()
        with server.client() as client:
            again = client.post(f"/api/interaction-metrics/{id}/calculate").json()
            assert again["results"] == [{"value": 5, "dimensions": None}]
    assert not server.folder.exists()


@contextmanager
def serving(servers: Servers, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "unused", servers.variables, admin_key=KEY)
    server.start()
    try:
        yield server
    finally:
        if server.process and server.process.poll() is None:
            server.stop()


def interaction(resource: str) -> dict[str, str]:
    return {"resourceType": "C", "resourceId": resource, "action": "LOGIN", "origin": "WEB"}


def alert_on(metric: str) -> dict[str, object]:
    return {
        **{"title": "Many logins", "metricId": metric, "operator": "gt", "threshold": 1},
        **{"severity": "critical", "alertAction": "fired", "recoveryAction": "recovered"},
    }
