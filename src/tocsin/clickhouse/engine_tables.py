"""Inspects and changes the tables of an engine, on one server, on each, or on one of each shard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.detached_parts import DetachedPart, detached_parts
from tocsin.clickhouse.host_pools import HostPools
from tocsin.clickhouse.months import MonthSums, RecordedMonths
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.recorded_numbers import RecordedNumbers
from tocsin.clickhouse.sql import maintenance
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.clickhouse.sql.topology import Topology
from tocsin.clickhouse.typed_parts import RecordedTypes
from tocsin.errors import Unavailable

# The longest wait for replicas to drop a month, and the pause between two looks.
_DROP_SECONDS, _DROP_PAUSE_SECONDS = 10.0, 0.02


class EngineTables:
    """The part of the engine that calculations do not use."""

    database: str
    topology: Topology
    folder_id: str | None
    recorded_months: RecordedMonths
    unlimited_clients: ClientPool
    maintenance_clients: ClientPool
    unlimited_hosts: HostPools
    maintenance_hosts: HostPools
    killing_hosts: HostPools
    status_queries: QueryRunner
    numbers: RecordedNumbers
    types: RecordedTypes

    def statement_id(self, query_id: str) -> str:
        """Databases of one server share the ids of its statements."""
        return f"{query_id}-{self.database}"

    def check_ready(self) -> None:
        """Raises Unavailable unless the engine, or a shard of it, answers a query on its table."""
        if not self.topology.is_sharded:
            self.status_queries.run(maintenance.compile_probe())
        elif len(self.silent_shards()) == len(self.topology.shards):
            raise Unavailable("No shard of the ClickHouse cluster answers")

    def silent_shards(self) -> list[str]:
        """The servers of each shard that does not answer; none unless there are several shards."""
        if not self.topology.is_sharded:
            return []
        probe = maintenance.compile_probe(self.topology.local_table)
        answers = self.killing_hosts.each_shard_that_answers(lambda pool: pool.query(probe))
        return [
            ", ".join(str(replica.address) for replica in shard)
            for shard, answer in zip(self.topology.shards, answers, strict=True)
            if answer is None
        ]

    def kill_append(self, query_id: str) -> None:
        """End an append of any node, and return when it has ended on every server. Raises
        Unavailable."""
        kill = maintenance.compile_kill_statement(self.statement_id(query_id))
        self.killing_hosts.each_host(lambda pool: pool.command(kill))

    def numbers_present(self, first: int, last: int) -> set[int]:
        """The numbers from `first` to `last` that interactions have, after the end of their append.
        Raises Unavailable, also while replicas have some of them, and not a majority."""
        anywhere = self._numbers_of_replicas(first, last)
        query = maintenance.compile_numbers(first, last)
        present = {number for (number,) in self.look_up(query)}
        if anywhere is not None and anywhere != present:
            raise Unavailable("An append is not on a majority of replicas; try again in a moment")
        return present

    def _numbers_of_replicas(self, first: int, last: int) -> set[int] | None:
        if not self.topology.is_replicated:
            return None
        query = maintenance.compile_unconfirmed_numbers(first, last, self.topology.local_table)
        by_host = self.killing_hosts.each_host(lambda pool: pool.query(query))
        return {number for rows in by_host for (number,) in rows}

    def look_up(self, query: Query) -> list[ResultRow]:
        """The rows of a query for which a sender waits. Raises Unavailable."""
        raise NotImplementedError

    def run_ddl(self, statement: Query) -> list[ResultRow]:
        """Run a statement that inspects the table, on a client that neither calculations nor
        appends use.

        Raises QueryTooHeavy or Unavailable; the caller logs it.
        """
        return self.maintenance_clients.query(statement)

    @property
    def tables(self) -> Sequence[str]:
        """The tables of a server that have the columns of the interactions: the one that holds
        them, and the one that is read if it is another one."""
        return self.topology.tables

    def inspect_hosts(self, query: Query) -> list[list[ResultRow]]:
        """The rows of a query on the system tables of each server. Raises as `run_ddl` does."""
        return self.maintenance_hosts.each_host(lambda pool: pool.query(query))

    def change_stored(self, statement: Query) -> None:
        """Change the table that holds the interactions, in each shard; its replicas follow. Raises
        as `run_ddl` does."""
        self.maintenance_hosts.each_shard(lambda pool: pool.query(statement))

    def change_distributed(self, statement: Query) -> None:
        """Change the table that is read on each server, unless it holds the interactions. Raises as
        `run_ddl` does."""
        if self.topology.is_sharded:
            self.maintenance_hosts.each_host(lambda pool: pool.query(statement))

    def latest_number(self) -> int:
        """The greatest number of an interaction in the table, or one that was in it; 0 without
        any."""
        return self.numbers.read().latest

    def drop_months_before(
        self, instant: datetime, confirm: Callable[[], object] = lambda: None
    ) -> int:
        """Drop the months that end before an instant, each after `confirm` has returned; returns
        their number."""
        before = instant.year * 100 + instant.month
        query = maintenance.compile_months(self.topology.partitions, before)
        months = [month for (month,) in self.status_queries.run(query)]
        drops = [maintenance.compile_drop_month(m, self.topology.local_table) for m in months]
        for drop in drops:
            confirm()
            self.unlimited_hosts.each_shard(partial(ClientPool.command, query=drop))
        self._wait_for_drop(months)
        self.recorded_months.remove_before(instant)
        if months:
            self.types.forget_dropped()
        return len(months)

    def _wait_for_drop(self, months: Sequence[int]) -> None:
        """Wait until no replica that answers has parts of these months, so that none counts them.
        One that is behind may count them for longer, and so may one that is away, when it is back.
        """
        if not (months and self.topology.is_replicated):
            return
        query = maintenance.compile_parts_of_months(months, self.topology.local_table)
        deadline = time.monotonic() + _DROP_SECONDS
        while time.monotonic() < deadline:
            counts = self.maintenance_hosts.each_reachable_host(lambda pool: pool.query(query))
            if not any(count for ((count,),) in counts):
                return
            time.sleep(_DROP_PAUSE_SECONDS)

    def rows(self) -> int:
        """The number of interactions in the table."""
        query = maintenance.compile_row_count(self.topology.partitions)
        return int(self.status_queries.run(query)[0][0])

    def rows_by_month(self, known_parts: Sequence[str] = ()) -> dict[str, int]:
        """The number of interactions in each month that has any; the keys are like `202603`."""
        query = maintenance.compile_rows_by_month(self.topology.partitions, known_parts)
        return {str(month): int(count) for month, count in self.status_queries.run(query)}

    def freeze(self, name: str) -> None:
        """Link the files of all parts, as of this instant, into the folder `shadow/name` of the
        engine, where merges and drops leave them. Raises Unavailable."""
        self.unlimited_clients.command(maintenance.compile_freeze(name))

    def sums_by_month(self, last: int) -> dict[str, MonthSums]:
        """The sums of the interactions with numbers up to `last`, by month. Raises Unavailable."""
        rows = self.unlimited_clients.query(maintenance.compile_sums_by_month(last))
        return {month: MonthSums(*map(int, sums)) for month, *sums in rows}

    def detached_parts(self) -> list[DetachedPart]:
        """The parts that the engine does not read. Raises Unavailable.

        None of replicas, which fetch such parts from others; those that are lost are missing from
        `rows_by_month`."""
        return [] if self.topology.is_replicated else detached_parts(self.unlimited_clients)

    def set_folder_id(self, folder_id: str) -> None:
        """Store the id of the installation with the table of each server."""
        comment = maintenance.compile_set_comment(folder_id, self.topology.local_table)
        self.unlimited_hosts.each_host(lambda pool: pool.command(comment))
        self.folder_id = folder_id

    def bytes_on_disk(self) -> int:
        """The size of the interactions, on one replica of each shard."""
        query = maintenance.compile_bytes_on_disk(self.topology.local_table)
        shards = self.unlimited_hosts.each_shard(lambda pool: pool.query(query))
        return sum(int(size) for ((size,),) in shards)
