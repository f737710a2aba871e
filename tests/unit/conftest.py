"""A catalog for the tests of definitions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from support.databases import open_database
from tocsin.model.interactions.catalog import EntryDraft, Kind
from tocsin.store.catalog import Catalog

AT = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """The entries ONE and TWO of each kind."""
    database = open_database(tmp_path_factory.mktemp("store") / "store.sqlite")
    opened = Catalog(database)
    for kind in Kind:
        for mnemonic in ("ONE", "TWO"):
            opened.create(kind, EntryDraft(mnemonic=mnemonic, title=mnemonic), AT)
    yield opened
    database.close()
