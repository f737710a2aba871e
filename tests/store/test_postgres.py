"""The store in PostgreSQL: schema, migrations, transactions and failures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from support.databases import create_database, drop, execute_on_server, server_only, url_of
from tocsin.errors import InvalidSettings, Unavailable
from tocsin.store.connection_limit import NODE_CONNECTIONS
from tocsin.store.database import Database
from tocsin.store.migrating import migrate, pending
from tocsin.store.notification_tables import deliveries
from tocsin.store.postgres import postgres_engine
from tocsin.store.server_checks import examine_connections
from tocsin.store.server_tables import server_metadata

pytestmark = server_only


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of an empty database."""
    name = create_database()
    yield url_of(name)
    drop([name])


def schema(url: str) -> set[tuple[str, ...]]:
    """All columns, indexes and constraints but those of Alembic."""
    engine = postgres_engine(url)
    rows = set()
    with engine.connect() as connection:
        for query in (
            "SELECT table_name, column_name, data_type, collation_name, is_nullable, "
            "column_default FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        ):
            rows |= {tuple(map(str, row)) for row in connection.execute(text(query))}
    engine.dispose()
    return {row for row in rows if "alembic" not in row[0]}


def test_the_migrations_create_the_tables_that_the_code_uses(url: str) -> None:
    migrate(url)
    other = create_database()
    engine = postgres_engine(url_of(other))
    with engine.connect() as connection:
        connection.execution_options(tocsin_autocommit=True)
        deliveries.metadata.create_all(connection)
        server_metadata.create_all(connection)
    engine.dispose()
    created = schema(url_of(other))
    drop([other])
    assert schema(url) == created
    assert ("metrics", "number", "bigint") in {row[:3] for row in created}
    assert all(row[3] == "C" for row in created if row[2:3] == ("text",))


def test_opening_changes_nothing_and_names_the_command(url: str) -> None:
    with pytest.raises(InvalidSettings, match="no tables of Tocsin yet: run `tocsin migrate`"):
        Database(url)
    assert schema(url) == set()


def test_a_dry_run_shows_the_statements_that_a_migration_executes(url: str) -> None:
    assert pending(url)[0] == "0001: Adds the first tables: catalog, metrics, keys, facts."
    shown = migrate(url, dry_run=True)
    assert schema(url) == set()
    executed = migrate(url)
    assert changes_of_schema(executed) == changes_of_schema(shown)
    assert pending(url) == migrate(url) == migrate(url, dry_run=True) == []
    with closing(Database(url)) as database:
        database.ping()


def changes_of_schema(statements: list[str]) -> list[str]:
    """Sorted, because Alembic creates the indexes of a table in any order."""
    return sorted(" ".join(each.split()) for each in statements if "alembic" not in each)


@pytest.mark.parametrize("role", ["", "tocsin:secret-word@"])
def test_a_wrong_url_is_rejected_without_showing_its_password(role: str) -> None:
    for url in (f"postgresql+psycopg2://{role}host/tocsin", f"postgresql://{role}host:port/tocsin"):
        with pytest.raises(InvalidSettings, match="TOCSIN_DATABASE_URL must ") as caught:
            Database(url)
        assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("option", ["sslmod=require", "autocommit=1", "row_factory=x"])
def test_an_option_that_libpq_does_not_know_is_rejected(url: str, option: str) -> None:
    with pytest.raises(InvalidSettings, match="TOCSIN_DATABASE_URL must have no option "):
        Database(f"{url}?{option}")


def test_options_of_libpq_reach_the_server(url: str) -> None:
    migrate(url)
    with (
        closing(Database(f"{url}?application_name=given&options=-c%20work_mem%3D7MB")) as database,
        database.reading() as connection,
    ):
        assert connection.execute(text("SHOW application_name")).scalar() == "given"
        assert connection.execute(text("SHOW work_mem")).scalar() == "7MB"


def test_a_database_of_a_newer_version_is_rejected_with_a_reason(url: str) -> None:
    migrate(url)
    engine = postgres_engine(url)
    with engine.connect() as connection:
        connection.execution_options(tocsin_autocommit=True)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(InvalidSettings, match="migrated by a newer Tocsin"):
        Database(url)
    with pytest.raises(Unavailable, match="newer Tocsin"):
        migrate(url)


def test_an_encoding_that_lacks_characters_is_rejected() -> None:
    name = create_database("template0", "LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(InvalidSettings, match="LATIN1: create it with ENCODING 'UTF8'"):
        migrate(url_of(name))
    drop([name])


def test_concurrent_migrations_all_succeed(url: str) -> None:
    with ThreadPoolExecutor() as pool:
        statements = list(pool.map(migrate, [url] * 3))
    assert sorted(map(bool, statements)) == [False, False, True]


def test_a_limit_of_connections_is_compared_with_those_of_a_node(url: str) -> None:
    name = make_url(url).database
    execute_on_server(f'ALTER DATABASE "{name}" CONNECTION LIMIT {2 * NODE_CONNECTIONS}')
    assert examine_connections(url) == (
        f"{2 * NODE_CONNECTIONS} allowed, up to {NODE_CONNECTIONS} for each node: "
        "enough for 2 nodes",
        [],
    )
    execute_on_server(f'ALTER DATABASE "{name}" CONNECTION LIMIT {NODE_CONNECTIONS - 1}')
    _, (problem,) = examine_connections(url)
    assert problem.startswith(f"PostgreSQL allows {NODE_CONNECTIONS - 1} connections")
