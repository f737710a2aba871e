"""The two URLs that choose a deployment, and their rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.config import Settings
from tocsin.errors import InvalidSettings, Unavailable
from tocsin.runtime import Runtime

DATABASE = "postgresql+psycopg://tocsin:secret@db.example:5432/tocsin"
CLICKHOUSE = "clickhouse://tocsin:secret@ch.example:8123/tocsin"


def refused(**given: str) -> str:
    with pytest.raises(InvalidSettings) as refusal:
        Settings.load(**given)
    assert "secret" not in str(refusal.value)
    return str(refusal.value)


def test_servers_that_do_not_answer_leave_no_folder_and_no_password(tmp_path: Path) -> None:
    settings = Settings.load(
        data_dir=tmp_path / "data",
        database_url="postgresql://tocsin:secret@127.0.0.1:1/tocsin",
        clickhouse_url=CLICKHOUSE,
    )
    with pytest.raises(Unavailable) as refusal:
        Runtime(settings)
    assert "127.0.0.1" in refusal.value.detail
    assert "secret" not in refusal.value.detail
    assert not settings.data_dir.exists()


def test_without_urls_the_data_is_in_a_folder() -> None:
    assert not Settings.load().is_server_mode


def test_two_urls_choose_servers() -> None:
    loaded = Settings.load(database_url=DATABASE, clickhouse_url=CLICKHOUSE)
    assert loaded.is_server_mode
    assert "secret" not in repr(loaded)


def test_a_clickhouse_server_needs_a_postgresql_database() -> None:
    assert "A ClickHouse server needs a PostgreSQL database: nodes coordinate through it" in (
        refused(clickhouse_url=CLICKHOUSE)
    )


def test_a_postgresql_database_needs_a_clickhouse_server() -> None:
    assert "A PostgreSQL database needs a ClickHouse server" in refused(database_url=DATABASE)


def test_urls_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, url in (("DATABASE", DATABASE), ("CLICKHOUSE", CLICKHOUSE)):
        file = tmp_path / name
        file.write_text(f"{url}\n")
        monkeypatch.setenv(f"TOCSIN_{name}_URL_FILE", str(file))
    assert Settings.load().is_server_mode


def test_the_embedded_mode_does_not_import_psycopg() -> None:
    statement = "import sys, tocsin.server; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", statement], timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("tocsin.example", "must be an absolute URL"),
        ("/web", "must be an absolute URL"),
        ("https://", "must be an absolute URL"),
        ("ftp://tocsin.example", "must be an absolute URL"),
        ("javascript:alert(1)", "must be an absolute URL"),
        ("https://tocsin.example:port", "is not a URL"),
        ("https://[tocsin", "is not a URL"),
        ("https://ada:secret@tocsin.example", "no user and password"),
        ("https://tocsin.example/?a=1", "no query and no fragment"),
        ("https://tocsin.example/#a", "no query and no fragment"),
        ("https://tocsin example", "no spaces"),
    ],
)
def test_a_base_url_that_cannot_be_the_beginning_of_a_link_is_refused(
    url: str, reason: str
) -> None:
    refusal = refused(base_url=url)
    assert "TOCSIN_BASE_URL" in refusal
    assert reason in refusal


@pytest.mark.parametrize("url", ["https://tocsin.example/a/", "http://127.0.0.1:8420"])
def test_a_base_url_has_no_slash_at_its_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_BASE_URL", url)
    assert Settings.load().base_url == url.rstrip("/")
