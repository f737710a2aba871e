"""The SQLite file: opening, migrations, transactions and failures."""

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import TextClause, create_engine, text

import tocsin.store.migrations
from tocsin.errors import Conflict, Unavailable
from tocsin.store.database import Database
from tocsin.store.key_value import KeyValueStore
from tocsin.store.migrations import chains
from tocsin.store.migrations.runner import newest_revision
from tocsin.store.notification_tables import deliveries


@pytest.mark.parametrize("chain", [chains.STORE, chains.SERVER])
def test_the_head_of_a_chain_is_its_newest_revision(chain: chains.Chain) -> None:
    assert newest_revision(chain) == chain.head


def schema(path: Path) -> set[str]:
    """The SQL of all tables and indexes but those of Alembic."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {" ".join(sql.split()) for (sql,) in rows if "alembic" not in sql}


def test_the_migrations_create_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    Database(tmp_path / "migrated.sqlite").close()
    deliveries.metadata.create_all(create_engine(f"sqlite:///{tmp_path / 'made.sqlite'}"))
    created = schema(tmp_path / "made.sqlite")
    assert schema(tmp_path / "migrated.sqlite") == created
    assert any("lower(mnemonic)" in sql for sql in created)


def test_the_settings_keep_acknowledged_writes_and_enforce_references(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    with database.reading() as connection:
        pragmas = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, 5_000]
    database.close()


def test_opening_a_database_at_head_does_not_import_alembic(tmp_path: Path) -> None:
    Database(tmp_path / "store.sqlite").close()
    code = (
        "import sys; from pathlib import Path; from tocsin.store.database import Database; "
        f"Database(Path({str(tmp_path / 'store.sqlite')!r})).ping(); "
        "print('alembic' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout == "False\n"


def test_processes_that_open_a_new_database_concurrently_all_succeed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tocsin.store.database import Database; "
        f"Database(Path({str(tmp_path / 'store.sqlite')!r})).ping()"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]


def test_a_failed_migration_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    broken = tmp_path / "migrations"
    source = Path(tocsin.store.migrations.__path__[0])
    (broken / "versions").mkdir(parents=True)
    (broken / "env.py").write_text((source / "env.py").read_text())
    script = (source / "versions" / "0001_definitions.py").read_text()
    (broken / "versions" / "0001.py").write_text(script + '    op.execute("nonsense")\n')
    monkeypatch.setattr(chains, "MIGRATIONS", broken)
    with pytest.raises(Unavailable):
        Database(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    monkeypatch.undo()
    Database(path).ping()


def test_a_store_of_a_newer_version_is_rejected_with_a_reason(tmp_path: Path) -> None:
    Database(tmp_path / "store.sqlite").close()
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="newer Tocsin"):
        Database(tmp_path / "store.sqlite")


def test_a_file_that_is_no_database_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_text("this is a letter to my aunt, and no database at all" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        Database(path)


def test_a_missing_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open"):
        Database(tmp_path / "missing" / "store.sqlite")


def test_a_path_may_hold_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "50% größer?#&"
    folder.mkdir()
    Database(folder / "store.sqlite").ping()
    assert (folder / "store.sqlite").exists()


def test_a_database_that_lost_its_tables_fails_the_ping(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    database.ping()
    with database.writing() as connection:
        connection.execute(text("DROP TABLE facts"))
    with pytest.raises(Unavailable):
        database.ping()


def test_a_writer_waits_for_another_and_readers_do_not(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    key_values = KeyValueStore(database)
    key_values.set("who", "nobody")
    with database.writing() as connection:
        connection.execute(text("UPDATE facts SET value = 'the first'"))
        second = threading.Thread(target=key_values.set, args=("who", "the second"))
        second.start()
        time.sleep(0.1)
        assert key_values.get("who") == "nobody"
    second.join()
    assert key_values.get("who") == "the second"


def write(database: Database, *statements: TextClause) -> None:
    with database.writing() as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_failed_transaction_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    key_values = KeyValueStore(database)
    insert = text("INSERT INTO facts VALUES ('a', 'b')")
    with pytest.raises(Conflict):
        write(database, insert, insert)
    assert key_values.get("a") is None
    key_values.set("a", "c")


def test_a_value_is_none_until_it_is_set_and_then_the_last_one(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    key_values = KeyValueStore(database)
    assert key_values.get("mark") is None
    key_values.set("mark", "1")
    key_values.set("mark", "2")
    assert KeyValueStore(Database(tmp_path / "store.sqlite")).get("mark") == "2"
