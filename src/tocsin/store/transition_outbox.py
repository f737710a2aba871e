"""Who is to be told of what is written: deliveries go into the transaction of their fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from sqlalchemy import Connection

from tocsin.model.interactions.interaction import Interaction

Labels = Mapping[str, str]

NO_LABELS: Labels = MappingProxyType({})


class Outbox(Protocol):
    def enqueue(
        self,
        connection: Connection,
        interactions: Sequence[Interaction],
        at: datetime,
        labels: Labels = NO_LABELS,
    ) -> None:
        """One delivery for each enabled subscription that matches each of these interactions, in
        this transaction; `labels` are those of the alert that they tell of."""
