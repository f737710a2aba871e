"""The ceilings: each number that bounds a quantity of a request, and their documentation.

A request past a ceiling is answered with `Ceiling.answer`. `setting` names the field of
`tocsin.config.Settings` that raises it; `gauge` names the metric that shows how full it is.
A test compares CEILINGS with the table in `docs/reference/ceilings.md`.
"""

from __future__ import annotations

from typing import NamedTuple

MIB = 1024 * 1024

BATCH_ROWS = 10_000
BATCH_BYTES = 32 * MIB
SINGLE_BYTES = 2 * MIB
DEFINITION_BYTES = 2 * MIB
INTERACTION_BYTES = 8 * MIB
BODY_MEMORY = 128 * MIB
# Smaller bodies are not counted, so that single interactions and sign-ins pass beside batches.
SMALL_BODY_BYTES = 64 * 1024
HEAD_BYTES = 64 * 1024

PROBLEMS_OF_ONE = 100
PROBLEMS_OF_BATCH = 1_000

PAYLOAD_BYTES = MIB
PAYLOAD_LEVELS = 64
PAYLOAD_PATHS = 2_000
KEY_LENGTH = 256
PATH_LENGTH = 1_024
RESOURCE_ID_LENGTH = 512
TEXT_LENGTH = 512

OLDEST_DAYS = 3_653
LATEST_DAYS = 1
APPENDED_MONTHS = 24
MONTHS = 600
PATHS = 200_000
CATALOG_ENTRIES = 5_000
DISCOVERED_FIELDS = 10_000

# Pending ones of a channel; as many may be skipped, and as many silenced.
PENDING_DELIVERIES = 10_000
CONNECTIONS = 4_096
ANSWERED_GROUPS = 100_000
JOINED_GROUPS = 1_000_000
PAGE_ROWS = 1_000
PAGE_BYTES = 8 * MIB
LISTED_ENTRIES = 10_000
FORM_FIELDS = 2_000
WRONG_KEYS = 10
QUERY_MEMORY = 320 * MIB
ID_FILTER_BYTES = 512 * MIB
QUERY_SECONDS = 60
QUERY_CONCURRENCY = 4
QUEUE_FOR_EACH_THREAD = 16
PAGE_QUESTION_QUEUE = 100

AUDIT_DAYS = 400


class Ceiling(NamedTuple):
    """A row of the table: the bounded quantity, its default, and the reaction past it."""

    what: str
    default: int
    answer: str
    """The status past the ceiling, or the reaction in its place."""
    setting: str | None = None
    gauge: str | None = None


CEILINGS = (
    Ceiling("interactions in a batch", BATCH_ROWS, "413"),
    Ceiling("bytes of a batch, compressed and decompressed", BATCH_BYTES, "413"),
    Ceiling("bytes of a single interaction, compressed and decompressed", SINGLE_BYTES, "413"),
    Ceiling("bytes of an interaction that is not acceptable", INTERACTION_BYTES, "422"),
    Ceiling("bytes of a definition or a form", DEFINITION_BYTES, "413"),
    Ceiling(
        "bytes of all bodies in progress, decompressed; bodies of up to 64 KiB do not count",
        BODY_MEMORY,
        "503 with `Retry-After`",
        "body_memory",
        "tocsin_body_bytes",
    ),
    Ceiling("fields of a form", FORM_FIELDS, "413"),
    Ceiling("wrong keys of an address in a minute", WRONG_KEYS, "429 with `Retry-After`"),
    Ceiling("bytes of the request line and the headers", HEAD_BYTES, "431"),
    Ceiling("problems listed for an interaction", PROBLEMS_OF_ONE, "`and N more`"),
    Ceiling(
        "problems listed for a batch; beyond, the first of each interaction",
        PROBLEMS_OF_BATCH,
        "`and N more`",
    ),
    Ceiling("bytes of a payload, and of an `externalResponse`", PAYLOAD_BYTES, "422"),
    Ceiling("levels of a payload", PAYLOAD_LEVELS, "422"),
    Ceiling("different paths in a payload", PAYLOAD_PATHS, "422"),
    Ceiling("characters of a key in a payload", KEY_LENGTH, "422"),
    Ceiling("characters of a path in a payload", PATH_LENGTH, "422"),
    Ceiling("characters of `resourceId`", RESOURCE_ID_LENGTH, "422"),
    Ceiling("characters of `userId`, `x-userid` and `externalReference`", TEXT_LENGTH, "422"),
    Ceiling(
        "days between a `timestamp` and now, in the past; `?history=true` takes 1970",
        OLDEST_DAYS,
        "422",
        "oldest_days",
    ),
    Ceiling("days between a `timestamp` and now, in the future", LATEST_DAYS, "422", "latest_days"),
    Ceiling("months in one append", APPENDED_MONTHS, "the rest is appended next"),
    Ceiling(
        "months with interactions; those of the last two years are always taken",
        MONTHS,
        "422",
        "max_months",
        "tocsin_engine_months",
    ),
    Ceiling(
        "different paths in all payloads", PATHS, "422 for new ones", "max_paths", "tocsin_paths"
    ),
    Ceiling(
        "entries of each kind in the catalog; an admin may add more",
        CATALOG_ENTRIES,
        "422 for new ones",
        "max_catalog_entries",
        "tocsin_catalog_entries",
    ),
    Ceiling(
        "pending deliveries of a channel",
        PENDING_DELIVERIES,
        "dropped, and a message says how many",
        "max_pending_deliveries",
        "tocsin_deliveries_pending",
    ),
    Ceiling(
        "bytes of the filter of interaction ids, of 3 bytes each",
        ID_FILTER_BYTES,
        "more ids are looked up",
        "id_filter_bytes",
        "tocsin_id_filter_bytes",
    ),
    Ceiling(
        "days for which the audit trail is kept; changes of metrics and alerts are kept longer",
        AUDIT_DAYS,
        "deleted",
        "audit_days",
    ),
    Ceiling("connections", CONNECTIONS, "503"),
    Ceiling("groups of an answer", ANSWERED_GROUPS, "422"),
    Ceiling("groups of a `RATIO` or a comparison, answered or not", JOINED_GROUPS, "422"),
    Ceiling("interactions in a page", PAGE_ROWS, "422"),
    Ceiling("bytes of payloads in a page", PAGE_BYTES, "the rest follows the cursor"),
    Ceiling("entries in a page of the catalog", LISTED_ENTRIES, "422"),
    Ceiling("fields that discovery answers", DISCOVERED_FIELDS, "the commonest ones"),
    Ceiling("bytes of memory of a calculation", QUERY_MEMORY, "422", "query_memory"),
    Ceiling("seconds of a calculation", QUERY_SECONDS, "422", "query_seconds"),
    Ceiling("calculations at a time", QUERY_CONCURRENCY, "the next wait", "query_concurrency"),
    Ceiling(
        "calculations that wait for each of these, and searches likewise, for 20 seconds at most",
        QUEUE_FOR_EACH_THREAD,
        "503 with `Retry-After`",
    ),
    Ceiling(
        "calculations of the overview and of lists of metrics that wait, for 20 seconds at most",
        PAGE_QUESTION_QUEUE,
        "503 with `Retry-After`",
    ),
)
