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
    def type_id(self) -> UUID:
        """The id, the same in every installation: derived from the mnemonic."""
        return uuid5(_NAMESPACE, self.value)

    @property
    def empty_value(self) -> int | None:
        """The value where no interaction matches."""
        return None if self in _NULL_OVER_NOTHING else 0


_NULL_OVER_NOTHING = {Aggregation.AVG, Aggregation.MIN, Aggregation.MAX, Aggregation.RATIO}
AGGREGATION_BY_ID = {aggregation.type_id: aggregation for aggregation in Aggregation}
SIDE_AGGREGATIONS = tuple(
    aggregation
    for aggregation in Aggregation
    if aggregation not in (Aggregation.RATE, Aggregation.RATIO)
)
"""Those that a side of a RATIO may have."""
