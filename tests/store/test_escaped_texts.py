"""Texts with U+0000, which PostgreSQL cannot store, are read as they were stored."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.store.database import Database
from tocsin.store.key_value import KeyValueStore


# Each example waits for the disk.
@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)
@given(text=st.text(st.sampled_from("\x00\x1a0a\\é"), max_size=12))
def test_every_text_is_read_as_it_was_stored(database: Database, text: str) -> None:
    key_values = KeyValueStore(database)
    key_values.set(text, text)
    assert key_values.get(text) == text
