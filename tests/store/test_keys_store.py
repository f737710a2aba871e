"""Keys, in a real database."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from support.databases import embedded_only
from tocsin.errors import Conflict, NotFound, Unavailable
from tocsin.model.key import Role
from tocsin.store.database import Database
from tocsin.store.keys import Keys

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
LATER = AT + timedelta(days=1)
GIVEN = "a secret from the environment"


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


@pytest.mark.parametrize("role", list(Role))
def test_a_key_is_known_immediately_and_after_a_restart(
    database: Database, keys: Keys, role: Role
) -> None:
    key, secret = keys.create("billing", role, AT)
    assert secret.startswith(f"tsn_{role}_")
    assert secret.startswith(key.prefix)
    assert len(secret) - len(key.prefix) >= 40
    for opened in (keys, Keys(database)):
        assert opened.authenticate(secret) is role
        assert opened.all() == [key]


@embedded_only
def test_secrets_differ_and_are_nowhere_in_the_file(
    database: Database, keys: Keys, tmp_path: Path
) -> None:
    secrets = [keys.create("same", Role.READ, AT)[1] for _ in range(3)]
    keys.adopt(GIVEN, AT)
    assert len(set(secrets)) == 3
    database.close()
    for secret in [*secrets, GIVEN]:
        assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize("secret", ["", "tsn_admin_", "x" * 10_000, "ü", "\udcff"])
def test_an_unknown_secret_has_no_role(keys: Keys, secret: str) -> None:
    keys.create("one", Role.ADMIN, AT)
    assert keys.authenticate(secret) is None


def test_a_revoked_key_is_unknown_immediately_and_after_a_restart(
    database: Database, keys: Keys
) -> None:
    key, secret = keys.create("one", Role.READ, AT)
    _, other = keys.create("two", Role.READ, AT)
    keys.revoke(key.key_id)
    for opened in (keys, Keys(database)):
        assert opened.authenticate(secret) is None
        assert opened.authenticate(other) is Role.READ
    with pytest.raises(NotFound):
        keys.revoke(key.key_id)


def test_a_missing_key_cannot_be_revoked(keys: Keys) -> None:
    with pytest.raises(NotFound):
        keys.revoke(uuid4())


def test_only_a_key_with_the_role_admin_makes_an_admin(keys: Keys) -> None:
    keys.create("one", Role.READ, AT)
    assert not keys.has_admin()
    keys.create("two", Role.ADMIN, AT)
    assert keys.has_admin()


def test_the_last_admin_key_cannot_be_revoked(keys: Keys) -> None:
    keys.create("reader", Role.READ, AT)
    first, secret = keys.create("first", Role.ADMIN, AT)
    with pytest.raises(Conflict, match="last key with the role admin"):
        keys.revoke(first.key_id)
    assert keys.authenticate(secret) is Role.ADMIN
    keys.create("second", Role.ADMIN, AT)
    keys.revoke(first.key_id)
    assert keys.authenticate(secret) is None


@embedded_only
def test_a_copy_of_the_store_holds_no_fast_hash_and_no_part_of_the_given_key(
    database: Database, keys: Keys, tmp_path: Path
) -> None:
    keys.adopt(GIVEN, AT)
    assert keys.all()[0].prefix == ""
    database.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert sha256(GIVEN.encode()).hexdigest().encode() not in stored
    assert GIVEN[:4].encode() not in stored


def test_a_given_key_is_unknown_until_it_is_given_again(database: Database, keys: Keys) -> None:
    keys.adopt(GIVEN, AT)
    assert Keys(database).authenticate(GIVEN) is None


def test_the_key_of_the_environment_is_an_admin_and_stays_the_same(
    database: Database, keys: Keys
) -> None:
    keys.adopt(GIVEN, AT)
    (key,) = keys.all()
    assert (key.name, key.role, key.from_environment) == ("TOCSIN_ADMIN_KEY", Role.ADMIN, True)
    again = Keys(database)
    again.adopt(GIVEN, LATER)
    assert again.all() == [key]
    assert again.authenticate(GIVEN) is Role.ADMIN


def test_a_new_key_of_the_environment_replaces_the_former(keys: Keys) -> None:
    _, own = keys.create("TOCSIN_ADMIN_KEY", Role.ADMIN, AT)
    keys.adopt(GIVEN, AT)
    keys.adopt("another", LATER)
    assert keys.authenticate(GIVEN) is None
    assert keys.authenticate("another") is Role.ADMIN
    assert keys.authenticate(own) is Role.ADMIN, "a name alone makes no key the environment's"


def test_an_environment_without_a_key_removes_the_former(keys: Keys) -> None:
    keys.adopt(GIVEN, AT)
    keys.adopt(None, LATER)
    assert keys.authenticate(GIVEN) is None
    assert keys.all() == []


def test_the_environment_may_give_a_key_that_tocsin_generated(keys: Keys) -> None:
    _, secret = keys.create("one", Role.READ, AT)
    keys.adopt(secret, LATER)
    assert keys.authenticate(secret) is Role.ADMIN
    assert len(keys.all()) == 1


def test_the_key_of_the_environment_is_revoked_there_and_not_here(keys: Keys) -> None:
    keys.adopt(GIVEN, AT)
    with pytest.raises(Conflict, match="TOCSIN_ADMIN_KEY"):
        keys.revoke(keys.all()[0].key_id)
    assert keys.authenticate(GIVEN) is Role.ADMIN


def test_a_change_that_does_not_reach_the_disk_changes_nothing(
    database: Database, keys: Keys
) -> None:
    key, secret = keys.create("one", Role.READ, AT)
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE keys RENAME TO away"))
    with pytest.raises(Unavailable):
        keys.revoke(key.key_id)
    assert keys.authenticate(secret) is Role.READ


@pytest.mark.parametrize(
    ("role", "required", "covers"),
    [
        (Role.ADMIN, (Role.INGEST,), True),
        (Role.ADMIN, (Role.ADMIN,), True),
        (Role.READ, (Role.READ,), True),
        (Role.READ, (Role.INGEST, Role.READ), True),
        (Role.READ, (Role.INGEST,), False),
        (Role.READ, (Role.ADMIN,), False),
        (Role.INGEST, (Role.READ,), False),
        (Role.INGEST, (Role.INGEST,), True),
    ],
)
def test_a_role_covers_itself_and_an_admin_everything(
    role: Role, required: tuple[Role, ...], covers: bool
) -> None:
    assert role.covers(*required) is covers
