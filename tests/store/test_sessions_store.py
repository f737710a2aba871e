"""Sessions, on a real SQLite."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.model.key import Key, Role
from tocsin.store.database import Database
from tocsin.store.keys import Keys
from tocsin.store.sessions import IDLE, Sessions

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def key(database: Database) -> Key:
    return Keys(database).create("n", Role.READ, AT)[0]


def test_a_session_outlives_a_restart_and_so_does_its_last_use(
    database: Database, key: Key
) -> None:
    sessions = Sessions(database)
    token = sessions.begin(key.key_id, "192.0.2.1", AT)
    assert sessions.use(token, AT + 7 * HOUR)
    sessions.run_maintenance(AT + 7 * HOUR)
    again = Sessions(database)
    (session,) = again.all(AT + 8 * HOUR)
    assert (session.address, session.used_date) == ("192.0.2.1", AT + 7 * HOUR)
    assert again.use(token, AT + 14 * HOUR)


def test_the_token_is_nowhere_in_the_file(database: Database, key: Key, tmp_path: Path) -> None:
    token = Sessions(database).begin(key.key_id, None, AT)
    database.close()
    assert all(token.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_sessions_that_are_over_or_whose_key_was_revoked_are_deleted(
    database: Database, key: Key
) -> None:
    sessions = Sessions(database)
    token = sessions.begin(key.key_id, None, AT)
    other, _ = Keys(database).create("soon gone", Role.READ, AT)
    sessions.begin(other.key_id, None, AT)
    Keys(database).revoke(other.key_id, AT)
    assert [s.key_id for s in Sessions(database).all(AT)] == [key.key_id]
    sessions.run_maintenance(AT + IDLE)
    assert sessions.use(token, AT + IDLE) is None
    assert Sessions(database).all(AT) == []


def test_viewing_a_page_waits_for_no_lock_of_the_store(database: Database, key: Key) -> None:
    sessions = Sessions(database)
    token = sessions.begin(key.key_id, None, AT)
    with database.writing():
        assert sessions.use(token, AT)
