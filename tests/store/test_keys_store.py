"""Keys, in a real database."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from support.clock import SetClock
from support.databases import embedded_only
from tocsin.access.identification import Access, Caller
from tocsin.access.key_use_writer import KeyUseWriter
from tocsin.errors import Conflict, NotFound, Unavailable
from tocsin.model.instant import MILLISECOND
from tocsin.model.key import Role
from tocsin.store.database import Database
from tocsin.store.key_uses import KeyUses
from tocsin.store.keys import MAX_FORMER_SECRETS, Keys

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
    keys.revoke(key.key_id, AT)
    for opened in (keys, Keys(database)):
        assert opened.authenticate(secret) is None
        assert opened.authenticate(other) is Role.READ
    with pytest.raises(NotFound):
        keys.revoke(key.key_id, AT)


def test_a_missing_key_cannot_be_revoked(keys: Keys) -> None:
    with pytest.raises(NotFound):
        keys.revoke(uuid4(), AT)


def test_only_a_key_with_the_role_admin_makes_an_admin(keys: Keys) -> None:
    keys.create("one", Role.READ, AT)
    assert not keys.has_admin(AT)
    keys.create("two", Role.ADMIN, AT)
    assert keys.has_admin(AT)


def test_the_last_admin_key_cannot_be_revoked(keys: Keys) -> None:
    keys.create("reader", Role.READ, AT)
    first, secret = keys.create("first", Role.ADMIN, AT)
    with pytest.raises(Conflict, match="last key with the role admin"):
        keys.revoke(first.key_id, AT)
    assert keys.authenticate(secret) is Role.ADMIN
    keys.create("second", Role.ADMIN, AT)
    keys.revoke(first.key_id, AT)
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
        keys.revoke(keys.all()[0].key_id, AT)
    assert keys.authenticate(GIVEN) is Role.ADMIN


def test_a_change_that_does_not_reach_the_disk_changes_nothing(
    database: Database, keys: Keys
) -> None:
    key, secret = keys.create("one", Role.READ, AT)
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE keys RENAME TO away"))
    with pytest.raises(Unavailable):
        keys.revoke(key.key_id, AT)
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


def test_an_expired_key_is_over_on_every_node_from_its_expiry_on(
    database: Database, keys: Keys
) -> None:
    key, secret = keys.create("temporary", Role.READ, AT, LATER)
    for opened in (keys, Keys(database)):
        assert opened.all() == [key]
        known = opened.recall(secret)
        assert known
        assert [known.is_over(LATER - MILLISECOND), known.is_over(LATER)] == [False, True]


def test_a_former_secret_holds_for_the_grace_and_no_longer(database: Database, keys: Keys) -> None:
    key, former = keys.create("billing", Role.READ, AT)
    rotated, secret = keys.rotate(key.key_id, AT, timedelta(hours=24))
    assert secret != former
    assert secret.startswith(rotated.prefix)
    for opened in (keys, Keys(database)):
        assert opened.all() == [rotated]
        old, new = opened.recall(former), opened.recall(secret)
        assert old
        assert new
        assert [old.is_over(LATER - MILLISECOND), old.is_over(LATER)] == [False, True]
        assert not new.is_over(LATER)
        assert rotated.former_until(AT) == LATER
        assert rotated.former_until(LATER) is None


def test_a_second_rotation_neither_ends_nor_prolongs_the_grace_of_the_first(keys: Keys) -> None:
    key, first = keys.create("billing", Role.READ, AT)
    _, second = keys.rotate(key.key_id, AT, timedelta(hours=24))
    keys.rotate(key.key_id, AT, timedelta(days=7))
    ends = [known.end for secret in (first, second) if (known := keys.recall(secret))]
    assert ends == [LATER, AT + timedelta(days=7)]


def test_a_rotation_without_grace_ends_every_former_secret(keys: Keys) -> None:
    key, first = keys.create("billing", Role.READ, AT)
    _, second = keys.rotate(key.key_id, AT, timedelta(days=7))
    keys.rotate(key.key_id, AT, timedelta())
    known = [keys.recall(secret) for secret in (first, second)]
    assert all(secret is None or secret.is_over(AT) for secret in known)


def test_a_key_has_at_most_ten_former_secrets_that_hold(keys: Keys) -> None:
    key, secret = keys.create("billing", Role.READ, AT)
    for _ in range(MAX_FORMER_SECRETS):
        _, secret = keys.rotate(key.key_id, AT, timedelta(days=1))
    with pytest.raises(Conflict, match="10 former secrets"):
        keys.rotate(key.key_id, AT, timedelta(days=1))
    assert keys.identify(secret) == keys.find(key.key_id)
    keys.rotate(key.key_id, LATER, timedelta(days=1))


def test_a_key_of_the_environment_and_an_expired_one_cannot_be_rotated(keys: Keys) -> None:
    keys.adopt(GIVEN, AT)
    with pytest.raises(Conflict, match="change that, then restart"):
        keys.rotate(keys.all()[0].key_id, AT, timedelta())
    key, _ = keys.create("temporary", Role.READ, AT, LATER)
    with pytest.raises(Conflict, match="expired"):
        keys.rotate(key.key_id, LATER, timedelta())


def test_an_admin_key_that_expires_does_not_replace_the_last_one_that_never_does(
    keys: Keys,
) -> None:
    last, _ = keys.create("last", Role.ADMIN, AT)
    temporary, _ = keys.create("temporary", Role.ADMIN, AT, LATER)
    with pytest.raises(Conflict, match="last key with the role admin"):
        keys.revoke(last.key_id, AT)
    keys.revoke(temporary.key_id, AT)
    assert keys.has_admin(LATER)


def test_an_expired_key_makes_no_admin(keys: Keys) -> None:
    keys.create("temporary", Role.ADMIN, AT, LATER)
    assert [keys.has_admin(AT), keys.has_admin(LATER)] == [True, False]


def test_a_last_use_is_to_the_minute_and_survives_a_restart(database: Database, keys: Keys) -> None:
    key, _ = keys.create("billing", Role.READ, AT)
    keys.create("unused", Role.READ, AT)
    uses = KeyUses(database)
    uses.note(key.key_id, AT + timedelta(seconds=59))
    assert uses.all() == {key.key_id: AT}
    assert KeyUses(database).all() == {}
    uses.save()
    assert KeyUses(database).all() == {key.key_id: AT}


def test_uses_within_one_minute_are_written_once(database: Database, keys: Keys) -> None:
    key, _ = keys.create("billing", Role.READ, AT)
    uses = KeyUses(database)
    uses.note(key.key_id, AT)
    uses.save()
    with database.writing() as connection:
        connection.execute(text("UPDATE keys SET used_date = NULL"))
    uses.note(key.key_id, AT + timedelta(seconds=1))
    uses.save()
    assert KeyUses(database).all() == {}


def test_a_later_use_on_another_node_and_a_revoked_key_do_no_harm(
    database: Database, keys: Keys
) -> None:
    key, _ = keys.create("billing", Role.READ, AT)
    gone, _ = keys.create("gone", Role.READ, AT)
    here, there = KeyUses(database), KeyUses(database)
    there.note(key.key_id, LATER)
    there.save()
    here.note(key.key_id, AT)
    here.note(gone.key_id, AT)
    keys.revoke(gone.key_id, AT)
    here.save()
    assert KeyUses(database).all() == {key.key_id: LATER}


def test_a_change_of_a_key_keeps_its_last_use(database: Database, keys: Keys) -> None:
    key, _ = keys.create("billing", Role.READ, AT)
    uses = KeyUses(database)
    uses.note(key.key_id, AT)
    uses.save()
    keys.rotate(key.key_id, AT, timedelta())
    assert KeyUses(database).all() == {key.key_id: AT}


def test_last_uses_are_in_the_store_after_the_node_is_closed(
    database: Database, keys: Keys
) -> None:
    key, secret = keys.create("billing", Role.READ, AT)
    uses = KeyUses(database)
    writer = KeyUseWriter(uses)
    writer.start()
    Access(keys, uses, SetClock(AT)).identify(secret, lambda: Caller(None, "GET", "/"))
    writer.stop()
    assert KeyUses(database).all() == {key.key_id: AT}
