"""Deletes the interactions of a subject from every file of the engine.

`ALTER TABLE ... DELETE` writes the parts that have such interactions again. The engine removes the
former parts eight minutes later, so that a power cut in between loses nothing; in a folder, the
disk is synced instead, and they are removed immediately (decision 96).
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql import erasing
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.model.erasure import DataSubject

_SALT_BYTES = 16
_IDS_OF_STATEMENT = 2_000
_IDS_OF_QUERY = 10_000
_MERGE_SECONDS = 60.0
_PAUSE_SECONDS = 0.1

Ids = Mapping[UUID, int]
"""Interaction ids with their months, as 202603."""


class EngineErasing:
    def __init__(self, engine: Engine, confirm: Callable[[], object]) -> None:
        """`confirm` raises Deposed unless this node may change the engine."""
        self._engine = engine
        self._confirm = confirm
        self._table = engine.topology.local_table

    def ids_of(self, subject: DataSubject, upto: int) -> Ids:
        """The interactions of the subject with numbers up to `upto`. Raises Unavailable."""
        return dict(self._query(erasing.compile_subject_ids(subject, upto)))

    def months_of(self, ids: Sequence[UUID]) -> Ids:
        """Those of the ids that are recorded."""
        months: dict[UUID, int] = {}
        for start in range(0, len(ids), _IDS_OF_QUERY):
            block = ids[start : start + _IDS_OF_QUERY]
            months.update(self._query(erasing.compile_months_of(block)))
        return months

    def ids_of_transitions(self, subject: DataSubject, scopes: Mapping[UUID, UUID | None]) -> Ids:
        """The interactions of transitions whose dimensions name the subject. `scopes` has the
        resource type of each metric."""
        text = json.dumps(subject.value, ensure_ascii=False)[1:-1]
        ids = [
            id
            for id, raw in self._query(erasing.compile_transitions_with(text))
            if _has_subject(json.loads(raw), subject, scopes)
        ]
        return self.months_of(ids)

    def values(self, resource_type_id: UUID | None) -> Iterable[str]:
        """Every user, or every resource of a type."""
        return (value for (value,) in self._query(erasing.compile_values(resource_type_id)))

    def delete(self, subject: DataSubject, upto: int, months: Iterable[int], ids: Ids) -> None:
        """Delete the interactions of the subject in these months, and those with these ids, from
        every part that is read. Raises Deposed or Unavailable; may be repeated."""
        salt = secrets.token_bytes(_SALT_BYTES)
        listed = list(ids)
        all_months = {*months, *ids.values()}
        for start in range(0, len(listed) or 1, _IDS_OF_STATEMENT):
            block = listed[start : start + _IDS_OF_STATEMENT]
            self._change(
                erasing.compile_delete(subject, upto, all_months, block, salt, self._table)
            )

    def has_waiting_deletions(self) -> bool:
        """Whether a server still has to write parts again, for example because it was away."""
        return self._any(erasing.compile_waiting_deletions(self._table))

    def begin_syncing(self) -> None:
        """Let merges in a folder sync what they write, until `end_syncing`."""
        if not self._engine.is_server:
            self._change(erasing.compile_sync_merges(self._table))

    def now(self) -> int:
        """A time, in seconds since 1970, before which the parts were replaced that have been
        replaced by now, on every server."""
        rows = self._engine.unlimited_hosts.each_host(
            lambda pool: pool.query(erasing.compile_now())
        )
        return max(int(seconds) for ((seconds,),) in rows) + 1

    def release_former_parts(self) -> None:
        """In a folder, let former parts be removed when the new ones are on the disk."""
        if self._engine.is_server:
            return
        deadline = time.monotonic() + _MERGE_SECONDS
        while time.monotonic() < deadline and self._any(
            erasing.compile_running_merges(self._table)
        ):
            time.sleep(_PAUSE_SECONDS)
        os.sync()
        self._change(erasing.compile_keep_no_former_parts(self._table))

    def has_former_parts(self, until: int) -> bool:
        """Whether a server has parts on its disk that were replaced before `until`, after those
        that are released were removed."""
        if not self._engine.is_server:
            self._change(erasing.compile_sweep(self._table))
        return self._any(erasing.compile_former_parts(self._table, until))

    def end_syncing(self) -> None:
        """Restore the delays of the table."""
        if not self._engine.is_server:
            self._change(erasing.compile_keep_former_parts(self._table))

    def _query(self, query: Query) -> list[ResultRow]:
        return self._engine.unlimited_clients.query(query)

    def _any(self, query: Query) -> bool:
        rows = self._engine.unlimited_hosts.each_host(lambda pool: pool.query(query))
        return any(int(count) for ((count,),) in rows)

    def _change(self, statement: Query) -> None:
        self._confirm()
        self._engine.unlimited_hosts.each_shard(
            lambda pool: ClientPool.command(pool, query=statement)
        )


def _has_subject(
    payload: Mapping[str, Any], subject: DataSubject, scopes: Mapping[UUID, UUID | None]
) -> bool:
    scope = scopes.get(UUID(payload["metricId"])) if payload.get("metricId") else None
    return subject.matches(payload.get("dimensions") or {}, scope)
