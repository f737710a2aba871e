"""The oracle: docs/reference/semantics.md, the contract of every number, in plain Python.

The differential tests hold the product against this. It imports nothing of the product and would
rather be plainly right than fast. Interactions are dicts as a sender writes them after resolution:
`resourceId`, `resourceType`, `action`, `origin`, `timestamp` (an aware datetime), perhaps `userId`,
`uowId` and `externalReference`, and the raw JSON text as `payload`. Metrics are dicts as the API
takes them, with mnemonics for their scope. This module gathers what tests call.
"""

from support.oracle_aggregates import length_of as duration
from support.oracle_agree import agree, agree_series, disagreement, series_disagreement
from support.oracle_filters import OPERATORS, holds, leaves
from support.oracle_metrics import (
    calculate,
    instants,
    series,
)
from support.oracle_payloads import discover, refuses
from support.oracle_values import (
    OWN_COLUMNS,
    Interaction,
    Metric,
    Number,
    dimension_key,
    field_of,
    keys_of,
    number_of,
    parse,
    spelled,
    text_of,
    value_at,
)
from support.oracle_windows import PERIODS, start_of

__all__ = [
    "OPERATORS",
    "OWN_COLUMNS",
    "PERIODS",
    "Interaction",
    "Metric",
    "Number",
    "agree",
    "agree_series",
    "calculate",
    "dimension_key",
    "disagreement",
    "discover",
    "duration",
    "field_of",
    "holds",
    "instants",
    "keys_of",
    "leaves",
    "number_of",
    "parse",
    "refuses",
    "series",
    "series_disagreement",
    "spelled",
    "start_of",
    "text_of",
    "value_at",
]
