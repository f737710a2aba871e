"""Compiles the statements that find and delete the interactions of a subject.

A statement that deletes stays in a file of the engine, so it has a salted hash in place of the
value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256
from uuid import UUID

from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.table import HERE, INTERACTIONS
from tocsin.model.erasure import DataSubject
from tocsin.model.interactions.catalog import Kind, system_id

# On a server, the log of queries would keep the value.
_UNLOGGED = "SETTINGS log_queries = 0"
_OF_ALERTS = system_id(Kind.ORIGIN, "METRIC_EVAL")


def compile_subject_ids(subject: DataSubject, upto: int) -> Query:
    """Rows of (interactionId, month) of the interactions with numbers up to `upto`."""
    bind = Binder()
    numbers = f"interactionNumber <= {bind.integer(upto)}"
    if subject.resource_type_id is None:
        is_of_subject = f"userId = {bind.string(subject.value)}"
    else:
        is_of_subject = (
            f"resourceTypeId = {bind.uuid(subject.resource_type_id)} "
            f"AND resourceId = {bind.string(subject.value)}"
        )
    return _months_of(f"{is_of_subject} AND {numbers}", bind)


def compile_months_of(ids: Sequence[UUID]) -> Query:
    """Rows of (interactionId, month) for each of the ids that is recorded."""
    bind = Binder()
    return _months_of(f"interactionId IN {bind.uuids(ids)}", bind)


def _months_of(where: str, bind: Binder) -> Query:
    text = f"SELECT interactionId, toYYYYMM(timestamp) FROM {INTERACTIONS}\nWHERE {where}"
    return Query(f"{text}\n{_UNLOGGED}", bind.parameters)


def compile_transitions_with(text: str) -> Query:
    """Rows of (interactionId, payload) of the interactions of transitions whose payload has a
    text."""
    bind = Binder()
    where = f"originId = {bind.uuid(_OF_ALERTS)} AND position(raw, {bind.string(text)}) > 0"
    query = f"SELECT interactionId, raw FROM {INTERACTIONS}\nWHERE {where}\n{_UNLOGGED}"
    return Query(query, bind.parameters)


def compile_values(resource_type_id: UUID | None) -> Query:
    """Rows of every user, or of every resource of a type."""
    bind = Binder()
    if resource_type_id is None:
        text = f"SELECT DISTINCT userId FROM {INTERACTIONS} WHERE userId IS NOT NULL"
    else:
        where = f"resourceTypeId = {bind.uuid(resource_type_id)}"
        text = f"SELECT DISTINCT resourceId FROM {INTERACTIONS} WHERE {where}"
    return Query(f"{text}\n{_UNLOGGED}", bind.parameters)


def compile_delete(
    subject: DataSubject,
    upto: int,
    months: Collection[int],
    ids: Sequence[UUID],
    salt: bytes,
    table: str,
) -> Query:
    """Deletes the interactions of a subject with numbers up to `upto`, and those with the ids, in
    these months, on all replicas before it returns.

    One statement for all of them: each of several would link the files of all parts again, and the
    engine would remove the links one after another.
    """
    digest = sha256(salt + subject.value.encode()).hexdigest()
    column = "ifNull(userId, '')" if subject.resource_type_id is None else "resourceId"
    is_of_subject = (
        f"interactionNumber <= {upto:d} "
        f"AND SHA256(concat(unhex('{salt.hex()}'), {column})) = unhex('{digest}')"
    )
    if subject.resource_type_id is not None:
        is_of_subject = f"resourceTypeId = '{subject.resource_type_id}' AND {is_of_subject}"
    if ids:
        listed = ", ".join(f"'{id}'" for id in ids)
        is_of_subject = f"({is_of_subject}) OR interactionId IN ({listed})"
    is_in_months = f"toYYYYMM(timestamp) IN ({', '.join(f'{month:d}' for month in sorted(months))})"
    return Query(
        f"ALTER TABLE {table} DELETE WHERE {is_in_months} AND ({is_of_subject})\n"
        "SETTINGS mutations_sync = 2"
    )


def compile_waiting_deletions(table: str) -> Query:
    """One row: the number of deletions that a server has not ended."""
    return Query(
        f"SELECT count() FROM system.mutations WHERE {HERE} AND table = '{table}' "
        "AND NOT is_done AND command LIKE '%DELETE%'"
    )


def compile_former_parts(table: str, until: int) -> Query:
    """One row: the number of parts with rows that a server has replaced before `until`, in seconds
    since 1970, and not removed from its disk."""
    return Query(
        f"SELECT count() FROM system.parts WHERE {HERE} AND table = '{table}' AND NOT active "
        "AND rows > 0 AND toUnixTimestamp(remove_time) <= {until:UInt32}",
        {"until": until},
    )


def compile_now() -> Query:
    """One row: the clock of a server, in seconds since 1970."""
    return Query("SELECT toUnixTimestamp(now())")


def compile_running_merges(table: str) -> Query:
    """One row: the number of merges and mutations that run."""
    return Query(f"SELECT count() FROM system.merges WHERE {HERE} AND table = '{table}'")


def compile_keep_no_former_parts(table: str) -> Query:
    """Lets the engine remove replaced parts from its disk without delay."""
    return Query(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")


def compile_sweep(table: str) -> Query:
    """Lets the engine remove the replaced parts that it need not keep: it does so whenever a month
    is dropped, also one that nothing can have, and otherwise twice a minute or less."""
    return Query(f"ALTER TABLE {table} DROP PARTITION 190001")


def compile_keep_former_parts(table: str) -> Query:
    """Restores the default delays."""
    return Query(
        f"ALTER TABLE {table} RESET SETTING old_parts_lifetime, "
        "min_compressed_bytes_to_fsync_after_merge"
    )


def compile_sync_merges(table: str) -> Query:
    """Lets merges and mutations sync what they write, as long as replaced parts are not kept."""
    return Query(
        f"ALTER TABLE {table} MODIFY SETTING min_compressed_bytes_to_fsync_after_merge = 1"
    )
