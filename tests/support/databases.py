"""Databases for tests: SQLite files, or databases of the PostgreSQL of TOCSIN_TEST_DATABASE_URL.

The same tests run on both. A test names its database by the path that its file would have, so that
it can open the same database again.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from tocsin.store.database import Database
from tocsin.store.migrating import migrate

SERVER_URL = os.environ.get("TOCSIN_TEST_DATABASE_URL")

embedded_only = pytest.mark.skipif(
    SERVER_URL is not None, reason="is about the SQLite file, and runs without PostgreSQL"
)
server_only = pytest.mark.skipif(
    SERVER_URL is None, reason="TOCSIN_TEST_DATABASE_URL does not name a PostgreSQL to test with"
)

_by_path: dict[Path, str] = {}


def database_location(path: Path) -> Path | str:
    """The location of the database of a path, which is created at its first use."""
    if SERVER_URL is None:
        return path
    if path not in _by_path:
        _by_path[path] = create_database(_template())
    return url_of(_by_path[path])


def open_database(path: Path) -> Database:
    """The database of a path. A new one is a copy of one that was migrated once: a copy takes a
    millisecond, the migrations take forty."""
    if SERVER_URL is None and not path.exists():
        shutil.copy(_migrated_file(), path)
    return Database(database_location(path))


def create_database(template: str = "template0", encoding: str = "UTF8") -> str:
    """Create a database of the server; returns its name."""
    name = f"tocsin_test_{uuid4().hex[:12]}"
    _administrator().execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING {encoding}')
    return name


@contextmanager
def migrated_database() -> Iterator[str]:
    """The name of a new database of the server, which is dropped afterwards."""
    name = create_database()
    migrate(url_of(name))
    yield name
    drop([name])


def execute_on_server(statement: str) -> None:
    """Run a statement outside of the databases of tests."""
    _administrator().execute(statement.encode())


def url_of(name: str) -> str:
    return _server().set(database=name).render_as_string(hide_password=False)


def drop_databases(folder: Path | None = None) -> None:
    """Drop the databases of the paths in a folder; without one, all databases of this run."""
    dropped = [path for path in _by_path if folder is None or path.is_relative_to(folder)]
    drop(_by_path.pop(path) for path in dropped)
    if folder is None and _template.cache_info().currsize:
        drop([_template()])


def drop(names: Iterable[str]) -> None:
    for name in names:
        _administrator().execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@cache
def _migrated_file() -> Path:
    """A migrated file of this process. It is closed, so that it has no log beside it."""
    folder = Path(mkdtemp(prefix="tocsin-migrated-"))
    atexit.register(shutil.rmtree, folder)
    Database(folder / "store.sqlite").close()
    return folder / "store.sqlite"


@cache
def _template() -> str:
    """A migrated database: a copy of it takes less time than a migration."""
    name = create_database()
    migrate(url_of(name))
    return name


@cache
def _administrator() -> psycopg.Connection:
    url = _server().set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=True)


def _server() -> URL:
    assert SERVER_URL, "TOCSIN_TEST_DATABASE_URL is not set"
    return make_url(SERVER_URL)
