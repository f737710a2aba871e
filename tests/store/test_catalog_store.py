"""The catalog, on a real SQLite."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from support.databases import open_database
from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.model.interactions.catalog import SYSTEM, EntryDraft, Kind, system_id
from tocsin.model.metrics.draft import read_metric
from tocsin.store.catalog import Catalog
from tocsin.store.database import Database
from tocsin.store.metrics import Metrics

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)
LATER = AT + timedelta(days=1)
ORDER = EntryDraft(mnemonic="ORDER", title="Order", description="d", bg_color_hex="#1F6FEB")


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


def test_the_system_entries_exist_from_the_start_with_constant_ids(
    catalog: Catalog, tmp_path: Path
) -> None:
    for kind, mnemonic, title in SYSTEM:
        entry = catalog.get(kind, system_id(kind, mnemonic))
        assert (entry.mnemonic, entry.spec.title, entry.is_system) == (mnemonic, title, True)
    with closing(open_database(tmp_path / "other.sqlite")) as opened:
        other = Catalog(opened)
    assert all(other.entries(kind) == catalog.entries(kind) for kind in Kind)


def test_entries_are_the_same_after_a_restart(database: Database, catalog: Catalog) -> None:
    entry = catalog.create(Kind.ACTION, ORDER, AT + timedelta(microseconds=1))
    assert (entry.spec, entry.created_date, entry.modified_date) == (ORDER, AT, AT)
    again = Catalog(database)
    assert all(again.entries(kind) == catalog.entries(kind) for kind in Kind)
    assert again.get(Kind.ACTION, entry.id) == entry


def test_a_mnemonic_is_found_without_regard_to_case_within_its_kind(catalog: Catalog) -> None:
    entry = catalog.create(Kind.ACTION, ORDER, AT)
    assert catalog.find(Kind.ACTION, "oRdEr") == entry
    assert catalog.find(Kind.ORIGIN, "ORDER") is None
    assert catalog.find(Kind.ACTION, "ORDERS") is None


def test_a_letter_that_only_lower_casing_makes_equal_is_another_one(catalog: Catalog) -> None:
    catalog.create(Kind.ACTION, EntryDraft(mnemonic="K", title="k"), AT)
    assert catalog.find(Kind.ACTION, "\N{KELVIN SIGN}") is None


@pytest.mark.parametrize("mnemonic", ["ORDER", "order"])
def test_a_mnemonic_is_taken_without_regard_to_case(catalog: Catalog, mnemonic: str) -> None:
    catalog.create(Kind.ACTION, ORDER, AT)
    same = EntryDraft(mnemonic=mnemonic, title="t")
    with pytest.raises(Conflict, match="ORDER"):
        catalog.create(Kind.ACTION, same, AT)
    assert catalog.create(Kind.ORIGIN, same, AT).mnemonic == mnemonic


def test_replacing_keeps_id_and_creation_and_frees_the_former_mnemonic(
    database: Database, catalog: Catalog
) -> None:
    entry = catalog.create(Kind.ACTION, ORDER, AT)
    replaced = catalog.replace(Kind.ACTION, entry.id, EntryDraft(mnemonic="BUY", title="t"), LATER)
    assert (replaced.id, replaced.created_date, replaced.modified_date) == (entry.id, AT, LATER)
    assert replaced.spec.description is None
    assert catalog.find(Kind.ACTION, "ORDER") is None
    assert catalog.find(Kind.ACTION, "buy") == replaced
    assert Catalog(database).get(Kind.ACTION, entry.id) == replaced


def test_an_entry_may_change_the_case_of_its_own_mnemonic(catalog: Catalog) -> None:
    entry = catalog.create(Kind.ACTION, ORDER, AT)
    draft = EntryDraft(mnemonic="order", title="t")
    assert catalog.replace(Kind.ACTION, entry.id, draft, AT).mnemonic == "order"


def test_an_entry_may_not_take_the_mnemonic_of_another(catalog: Catalog) -> None:
    entry = catalog.create(Kind.ACTION, ORDER, AT)
    with pytest.raises(Conflict):
        catalog.replace(Kind.ACTION, entry.id, EntryDraft(mnemonic="FIRED", title="t"), AT)


def test_a_system_entry_stays_as_it_is(catalog: Catalog) -> None:
    id = system_id(Kind.ACTION, "fired")
    with pytest.raises(Conflict, match="belongs to Tocsin"):
        catalog.replace(Kind.ACTION, id, ORDER, AT)
    with pytest.raises(Conflict, match="belongs to Tocsin"):
        catalog.delete(Kind.ACTION, id, AT)


def test_a_missing_entry_cannot_be_read_replaced_or_deleted(catalog: Catalog) -> None:
    of_another_kind = catalog.create(Kind.ORIGIN, ORDER, AT).id
    for id in (uuid4(), of_another_kind):
        with pytest.raises(NotFound):
            catalog.get(Kind.ACTION, id)
        with pytest.raises(NotFound):
            catalog.replace(Kind.ACTION, id, ORDER, AT)
        with pytest.raises(NotFound):
            catalog.delete(Kind.ACTION, id, AT)


def test_an_entry_that_a_metric_uses_is_not_deleted(database: Database, catalog: Catalog) -> None:
    metrics = Metrics(database)
    entries = [catalog.create(kind, ORDER, AT) for kind in Kind]
    body = {"name": "Orders", "metricType": "COUNT", **{kind.value: "ORDER" for kind in Kind}}
    metric = metrics.create(*read_metric(body, catalog), AT)
    for entry in entries:
        with pytest.raises(Conflict, match="Orders"):
            catalog.delete(entry.kind, entry.id, AT)
    metrics.delete(metric.metric_id, AT)
    for entry in entries:
        catalog.delete(entry.kind, entry.id, AT)
        assert catalog.by_id(entry.kind, entry.id) is None
        assert Catalog(database).by_id(entry.kind, entry.id) is None


def test_a_metric_cannot_come_to_use_an_entry_that_was_deleted_meanwhile(
    database: Database, catalog: Catalog
) -> None:
    entry = catalog.create(Kind.ACTION, ORDER, AT)
    read = read_metric({"name": "n", "metricType": "COUNT", "action": "ORDER"}, catalog)
    catalog.delete(Kind.ACTION, entry.id, AT)
    metrics = Metrics(database)
    with pytest.raises(Conflict):
        metrics.create(*read, AT)
    assert metrics.all() == []


def test_ensuring_adds_an_entry_once_and_then_finds_it(catalog: Catalog) -> None:
    entry = catalog.ensure(Kind.ORIGIN, "Web:1", AT)
    assert (entry.mnemonic, entry.spec.title, entry.is_system) == ("Web:1", "Web:1", False)
    assert catalog.ensure(Kind.ORIGIN, "WEB:1", LATER) == entry


def test_threads_that_ensure_one_mnemonic_get_one_entry(catalog: Catalog) -> None:
    names = [f"{name}{number}" for number in range(20) for name in ("x", "X")]
    with ThreadPoolExecutor(16) as threads:
        entries = list(threads.map(lambda name: catalog.ensure(Kind.ACTION, name, AT), names))
    assert len({entry.id for entry in entries}) == 20


def test_many_entries_are_returned_in_the_order_of_their_mnemonics(
    database: Database, catalog: Catalog
) -> None:
    names = ["b", "a", "B", "fired"]
    entries = catalog.ensure_all(Kind.ACTION, names, AT)
    assert [entry.mnemonic for entry in entries] == ["b", "a", "b", "fired"]
    assert entries[0] == entries[2]
    assert Catalog(database).entries(Kind.ACTION) == catalog.entries(Kind.ACTION)


@pytest.mark.parametrize("mnemonic", ["", "a b", "ä", "x" * 65, "a\n", "\N{KELVIN SIGN}"])
def test_a_text_that_cannot_be_a_mnemonic_is_not_added(catalog: Catalog, mnemonic: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        catalog.ensure(Kind.RESOURCE_TYPE, mnemonic, AT)
    assert raised.value.problems[0].field == "resourceType"


def test_returned_mnemonics_do_not_change(catalog: Catalog) -> None:
    entry = catalog.create(Kind.ACTION, ORDER, AT)
    before = catalog.mnemonics(Kind.ACTION)
    catalog.replace(Kind.ACTION, entry.id, EntryDraft(mnemonic="BUY", title="t"), AT)
    assert before[entry.id] == "ORDER"
    assert catalog.mnemonics(Kind.ACTION)[entry.id] == "BUY"


def test_entries_are_ordered_by_mnemonic_without_regard_to_case(catalog: Catalog) -> None:
    catalog.ensure_all(Kind.ORIGIN, ["b", "A", "C"], AT)
    names = [entry.mnemonic for entry in catalog.entries(Kind.ORIGIN)]
    assert names == ["A", "b", "C", "METRIC_EVAL", "NOTIFY"]


def test_an_entry_that_is_claimed_during_its_deletion_stays(catalog: Catalog) -> None:
    entry = catalog.ensure(Kind.ACTION, "claimed", AT)

    @contextmanager
    def use() -> Iterator[bool]:
        assert catalog.is_deleting
        assert catalog.claim(Kind.ACTION, entry.id) == entry
        yield False

    with pytest.raises(Conflict, match="Interactions use the action claimed"):
        catalog.delete(Kind.ACTION, entry.id, AT, use)
    assert catalog.find(Kind.ACTION, "claimed") == entry
    catalog.delete(Kind.ACTION, entry.id, AT)
    assert catalog.claim(Kind.ACTION, entry.id) is None
    assert catalog.ensure(Kind.ACTION, "claimed", AT).id != entry.id


def test_an_entry_that_interactions_have_is_not_deleted(catalog: Catalog) -> None:
    entry = catalog.ensure(Kind.ORIGIN, "recorded", AT)
    with pytest.raises(Conflict, match="Interactions use the origin recorded"):
        catalog.delete(Kind.ORIGIN, entry.id, AT, lambda: nullcontext(True))
    assert not catalog.is_deleting
    assert catalog.find(Kind.ORIGIN, "recorded") == entry
