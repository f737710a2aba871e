"""The aggregations that a metric may have ("Aggregations" in docs/reference/semantics.md)."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID, uuid5

_NAMESPACE = UUID("6e1d5c7e-0c1b-5e0e-9d3a-70c51a000001")


class Aggregation(StrEnum):
    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    DISTINCT_COUNT = "DISTINCT_COUNT"
    RATE = "RATE"
    PERCENTILE = "PERCENTILE"
    LATEST = "LATEST"
    RATIO = "RATIO"

    @property
    def requires_field(self) -> bool:
        return self not in (Aggregation.COUNT, Aggregation.RATE, Aggregation.RATIO)

    @property
    def requires_window(self) -> bool:
        return self is Aggregation.RATE

    @property
    def is_sum(self) -> bool:
        """Whether it sums the field's numbers."""
        return self in (Aggregation.SUM, Aggregation.AVG)

    @property
    def selects_number(self) -> bool:
        """Whether the value is one of the field's numbers, found by its rank or its time."""
        return self in (Aggregation.PERCENTILE, Aggregation.LATEST)

    @property
    def type_id(self) -> UUID:
        """The id, the same in every installation: derived from the mnemonic."""
        return uuid5(_NAMESPACE, self.value)

    @property
    def empty_value(self) -> int | None:
        """The value where no interaction matches."""
        return None if self in _NULL_OVER_NOTHING else 0


_NULL_OVER_NOTHING = {
    Aggregation.AVG,
    Aggregation.MIN,
    Aggregation.MAX,
    Aggregation.PERCENTILE,
    Aggregation.LATEST,
    Aggregation.RATIO,
}
AGGREGATION_BY_ID = {aggregation.type_id: aggregation for aggregation in Aggregation}
SIDE_AGGREGATIONS = (
    Aggregation.COUNT,
    Aggregation.SUM,
    Aggregation.AVG,
    Aggregation.MIN,
    Aggregation.MAX,
    Aggregation.DISTINCT_COUNT,
)
"""Those that a side of a RATIO may have."""
