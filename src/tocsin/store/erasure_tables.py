"""The tables of erasures and of the ids of erased interactions."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, Uuid, false

from tocsin.store.column_types import LONG_TEXT, WHOLE_NUMBER, InstantColumn, short_text
from tocsin.store.notification_tables import deliveries

# `subject` has the erased value until it is erased. `digest` and the hashes of ids have a key, so
# that they do not reveal what they are of.
erasures = Table(
    "erasures",
    deliveries.metadata,
    Column("number", WHOLE_NUMBER, primary_key=True),
    Column("erasure_id", Uuid, nullable=False, unique=True),
    Column("kind", short_text(16), nullable=False),
    Column("resource_type_id", Uuid),
    Column("subject", LONG_TEXT),
    Column("digest", short_text(64), nullable=False),
    Column("upto", WHOLE_NUMBER, nullable=False),
    Column("state", short_text(16), nullable=False),
    Column("matched", LONG_TEXT, nullable=False),
    Column("erased", LONG_TEXT, nullable=False),
    Column("is_counted", Boolean, nullable=False, server_default=false()),
    Column("problem", LONG_TEXT),
    Column("requested_date", InstantColumn, nullable=False),
    Column("finished_date", InstantColumn),
)

erased_ids = Table(
    "erased_ids",
    deliveries.metadata,
    Column("hash", short_text(32), primary_key=True),
    Column("erasure_id", Uuid, nullable=False, index=True),
)
