"""Compiles the statements that inspect and maintain the table of interactions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import HERE, INTERACTIONS, PAYLOAD, SCOPE_COLUMNS
from tocsin.model.interactions.catalog import Kind


def compile_probe(table: str = INTERACTIONS) -> Query:
    """A query that succeeds if the engine can read the table."""
    return Query(f"SELECT interactionNumber FROM {table} LIMIT 1")


def compile_kill(comment: str) -> Query:
    """Ends all queries with this `log_comment`, without waiting for them."""
    text = "KILL QUERY WHERE Settings['log_comment'] = {comment:String} ASYNC"
    return Query(text, {"comment": comment})


def compile_definition(table: str = INTERACTIONS) -> Query:
    """One row: the statement that would create the table; none without a table."""
    return Query(f"SELECT create_table_query FROM system.tables WHERE {HERE} AND name = '{table}'")


def compile_columns() -> Query:
    """Rows of (name, type): the table's columns."""
    return Query(f"SELECT name, type FROM system.columns WHERE {HERE} AND table = '{INTERACTIONS}'")


def compile_kill_statement(query_id: str) -> Query:
    """Ends the statement with this id, and waits until it has ended."""
    return Query("KILL QUERY WHERE query_id = {id:String} SYNC", {"id": query_id})


def compile_unconfirmed_numbers(first: int, last: int, table: str) -> Query:
    """Rows of (interactionNumber), for those in a server's table, whether other replicas have them
    or not."""
    query = compile_numbers(first, last, table)
    return Query(f"{query.text} SETTINGS select_sequential_consistency = 0", query.parameters)


def compile_numbers(first: int, last: int, table: str = INTERACTIONS) -> Query:
    """Rows of (interactionNumber), for the interactions with numbers from `first` to `last`."""
    text = (
        f"SELECT interactionNumber FROM {table} "
        "WHERE interactionNumber BETWEEN {first:UInt64} AND {last:UInt64}"
    )
    return Query(text, {"first": first, "last": last})


def compile_recorded_ids(ids: Sequence[UUID]) -> Query:
    """Rows of (interactionId), for each of the ids that is recorded."""
    return Query(
        f"SELECT interactionId FROM {INTERACTIONS} WHERE interactionId IN {{ids:Array(UUID)}}",
        {"ids": [str(id) for id in ids]},
    )


def compile_use(kind: Kind, id: UUID) -> Query:
    """One row if an interaction has the catalog entry, else none."""
    text = f"SELECT 1 FROM {INTERACTIONS} WHERE {SCOPE_COLUMNS[kind]} = {{id:UUID}} LIMIT 1"
    return Query(text, {"id": str(id)})


def compile_latest_number(table: str = INTERACTIONS, known_parts: Sequence[str] = ()) -> Query:
    """One row: the greatest interaction number outside of these parts, 0 without any."""
    text = f"SELECT max(interactionNumber) FROM {table}"
    if not known_parts:
        return Query(text)
    return Query(f"{text} WHERE _part NOT IN {{parts:Array(String)}}", {"parts": list(known_parts)})


def compile_parts() -> Query:
    """Rows of (name, hash of the content) of a folder's parts."""
    return Query(
        "SELECT name, hash_of_all_files FROM system.parts\n"
        f"WHERE active AND {HERE} AND table = '{INTERACTIONS}'"
    )


def compile_months(partitions: str, before: int | None = None) -> Query:
    """Rows of the months that have interactions, as 202603; with `before`, only earlier months."""
    text = f"SELECT DISTINCT toUInt32(partition) FROM {partitions}"
    if before is None:
        return Query(text)
    return Query(f"{text} WHERE toUInt32(partition) < {{month:UInt32}}", {"month": before})


def compile_drop_month(month: int, table: str) -> Query:
    """Drops the interactions of a month, given as 202603."""
    return Query(f"ALTER TABLE {table} DROP PARTITION {month:d}")


def compile_parts_of_months(months: Sequence[int], table: str) -> Query:
    """One row: the number of parts that a server has of these months, given as 202603."""
    return Query(
        f"SELECT count() FROM system.parts WHERE active AND {HERE} AND table = '{table}'\n"
        "AND partition_id IN {months:Array(String)}",
        {"months": list(map(str, months))},
    )


def compile_rows_by_month(partitions: str, known_parts: Sequence[str] = ()) -> Query:
    """Rows of (month, number of interactions), in ascending order, without those in parts of a
    folder that are known."""
    where = " WHERE name NOT IN {parts:Array(String)}" if known_parts else ""
    return Query(
        f"SELECT partition, sum(rows) FROM {partitions}{where}\n"
        "GROUP BY partition ORDER BY partition",
        {"parts": list(known_parts)} if known_parts else {},
    )


def compile_row_count(partitions: str) -> Query:
    """One row: the number of interactions."""
    return Query(f"SELECT sum(rows) FROM {partitions}")


def compile_bytes_on_disk(table: str) -> Query:
    """One row: the bytes of the parts of a server's table."""
    return Query(
        "SELECT sum(bytes_on_disk) FROM system.parts\n"
        f"WHERE active AND {HERE} AND table = '{table}'"
    )


def compile_ids(partition: str, known_parts: Sequence[str] = ()) -> Query:
    """Rows of the interaction ids in a partition, without those in parts that are known."""
    text = f"SELECT interactionId FROM {INTERACTIONS} WHERE _partition_id = {{p:String}}"
    parameters: dict[str, object] = {"p": partition}
    if known_parts:
        text += " AND _part NOT IN {parts:Array(String)}"
        parameters["parts"] = list(known_parts)
    # In the background.
    return Query(f"{text} SETTINGS max_threads = 1", parameters)


def compile_extent() -> Query:
    """One row of the earliest and the latest timestamp in milliseconds; none in an empty table."""
    ends = [f"toUnixTimestamp64Milli({end}(timestamp))" for end in ("min", "max")]
    return Query(f"SELECT {', '.join(ends)} FROM {INTERACTIONS} HAVING count()")


def compile_field_types(most: int, known_parts: Sequence[str] = ()) -> Query:
    """One row of three arrays with at most `most` elements, about the parts that are not known:
    (path, types) in the engine's spelling, fields with integers past 64 bits, and fields with
    leafless objects."""
    where = " WHERE _part NOT IN {parts:Array(String)}" if known_parts else ""
    text = (
        "SELECT arraySlice(arrayZip(mapKeys(types), mapValues(types)), 1, {most:UInt32}), "
        "arraySlice(big, 1, {most:UInt32}), arraySlice(hollow, 1, {most:UInt32}) "
        f"FROM (SELECT distinctJSONPathsAndTypes({PAYLOAD}) AS types, "
        "groupUniqArrayArray(bigIntegers) AS big, "
        f"groupUniqArrayArray(hollowObjects) AS hollow FROM {INTERACTIONS}{where})"
    )
    return Query(text, {"most": most, **({"parts": list(known_parts)} if known_parts else {})})


def compile_freeze(name: str) -> Query:
    """Links the files of all parts, as of this instant, into a folder of this name."""
    return Query(f"ALTER TABLE {INTERACTIONS} FREEZE WITH NAME '{name}'")


def compile_sums_by_month(last: int) -> Query:
    """Rows of (month, count, sum of numbers, sum of hashed ids) of the interactions with numbers up
    to `last`; the sums overflow at 64 bits."""
    text = (
        "SELECT toString(toYYYYMM(timestamp)) AS month, count(), sum(interactionNumber), "
        f"sum(cityHash64(interactionId)) FROM {INTERACTIONS} "
        "WHERE interactionNumber <= {last:UInt64} GROUP BY month ORDER BY month"
    )
    return Query(text, {"last": last})


def compile_detached_parts() -> Query:
    """Rows of (name, reason, path) for the parts that the engine detached."""
    return Query(
        "SELECT name, coalesce(reason, ''), path FROM system.detached_parts "
        f"WHERE {HERE} AND table = '{INTERACTIONS}' ORDER BY name"
    )


def compile_contents(table: str) -> Query:
    """One row of the table's comment and number of rows; none without a table."""
    return Query(f"SELECT comment, total_rows FROM system.tables WHERE {HERE} AND name = '{table}'")


def compile_set_comment(folder_id: str, table: str) -> Query:
    """Sets the table's comment to the id of the data folder, 32 hexadecimal digits."""
    # A comment cannot be bound; converting the id ensures that it has hexadecimal digits only.
    return Query(f"ALTER TABLE {table} MODIFY COMMENT '{int(folder_id, 16):032x}'")
