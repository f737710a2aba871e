"""The outcomes of the interactions of a submission."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Outcome(Enum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    # Other content was recorded under the same id.
    CONFLICT = "conflict"


class Rejected(NamedTuple):
    """An interaction that cannot be stored; `field` is the member that causes it."""

    reason: str
    field: str = "interaction"


Outcomes = list[Outcome | Rejected]
