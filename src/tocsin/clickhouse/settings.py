"""The engine's settings for appends, calculations and maintenance."""

from __future__ import annotations

EngineSettings = dict[str, int | str]

# These must hold wherever JSON is parsed, the default of the column included.
JSON_SETTINGS: EngineSettings = {
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "json_type_escape_dots_in_keys": 1,
}

APPEND_SETTINGS: EngineSettings = {
    **JSON_SETTINGS,
    # A block of interactions from many years may fall into any number of months.
    "max_partitions_per_insert_block": 0,
    "max_insert_threads": 1,
    # Merges build them; until then, a part is small enough to be scanned.
    "materialize_skip_indexes_on_insert": 0,
}

ARROW_SETTINGS: EngineSettings = {
    # Compiling the many expressions of a shared scan takes longer than it saves.
    "compile_expressions": 0,
    # Each block is transferred separately: fewer and larger blocks are a sixth faster.
    "preferred_block_size_bytes": 0,
    "output_format_arrow_string_as_string": 1,
    "output_format_arrow_low_cardinality_as_dictionary": 1,
    "output_format_arrow_compression_method": "none",
}

CALCULATION_NICENESS = 10


def calculation_comment(node_id: str) -> str:
    """The comment that distinguishes the calculations of a node from other running queries."""
    return f"calculation {node_id}"


def calculation_settings(memory: int, seconds: int, comment: str) -> EngineSettings:
    """For queries that may take `memory` bytes and `seconds` seconds each."""
    return {
        # Compiling the expressions of a grouped sum takes the first query 130 ms and saves a tenth
        # of a scan: only for queries that are repeated often.
        "min_count_to_compile_expression": 100,
        # sum(part * scale) must not become sum(part) * scale: a scaled sum is exact or overflows,
        # an unscaled one loses digits without notice.
        "optimize_arithmetic_operations_in_aggregate_functions": 0,
        # Returned wrong results with JSON columns in 2026; the compiler names subcolumns itself.
        "optimize_functions_to_subcolumns": 0,
        # There are no projections, and a sliding window never repeats a condition.
        "optimize_use_projections": 0,
        "use_query_condition_cache": 0,
        "max_memory_usage": memory,
        # Groups that do not fit go to disk: a million groups are slower, not rejected.
        "max_bytes_before_external_group_by": memory // 4 * 3,
        "max_bytes_before_external_sort": memory // 2,
        "max_execution_time": seconds,
        # Appends have priority over calculations where the process may set it (CAP_SYS_NICE);
        # elsewhere this has no effect.
        "os_threads_nice_value_query": CALCULATION_NICENESS,
        "log_comment": comment,
        "readonly": 2,
    }


LOOK_UP_SETTINGS: EngineSettings = {"os_threads_nice_value_query": 0, "log_comment": "look-up"}
"""Overrides calculation settings for look-ups, for which senders wait."""


def maintenance_settings(memory: int) -> EngineSettings:
    """For statements that change or inspect the table, and may take `memory` bytes each."""
    return {
        # Columns are backfilled in the background; a dropped column is gone when the statement
        # returns.
        "mutations_sync": 0,
        "max_threads": 1,
        "max_memory_usage": memory,
    }
