"""A batch of CloudEvents between its conversion and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tocsin.errors import InvalidInput, MalformedBody, Problem
from tocsin.ingestion.batches import BatchResult
from tocsin.model.ceilings import BATCH_ROWS
from tocsin.model.interactions.cloud_event import (
    Attributes,
    EventNames,
    attribute_problems,
    event_attributes,
    interaction_of,
)
from tocsin.model.interactions.splitting import split_array


@dataclass(slots=True)
class EventBatch:
    """The events of a request in the batched mode. Those with wrong attributes are rejected, and
    the others become interactions, which the recorder parses."""

    body: bytes
    names: EventNames
    _rejected: list[tuple[int, list[Problem]]] = field(default_factory=list)
    _indexes: list[int] = field(default_factory=list)
    _attributes: list[Attributes] = field(default_factory=list)

    def interactions(self) -> list[bytes]:
        """The interactions of the acceptable events. The recorder may call it again."""
        self._rejected, self._indexes, self._attributes = [], [], []
        interactions = []
        for index, raw in enumerate(split_array(self.body, BATCH_ROWS)):
            try:
                attributes = event_attributes(raw)
                interactions.append(interaction_of(attributes, self.names))
            except InvalidInput as error:
                self._rejected.append((index, list(error.problems)))
                continue
            except MalformedBody as error:
                self._rejected.append((index, [Problem("", error.detail)]))
                continue
            self._indexes.append(index)
            # Without the data, which may be large.
            self._attributes.append(dict.fromkeys(attributes, b""))
        return interactions

    def result(self, recorded: BatchResult) -> BatchResult:
        """The result by the indexes and the attributes of the events."""
        rejected = list(self._rejected)
        for place, problems in recorded.rejected:
            error = InvalidInput(problems=problems)
            problem_list = attribute_problems(error, self._attributes[place])
            rejected.append((self._indexes[place], problem_list))
        result = BatchResult(recorded.accepted, recorded.duplicates)
        for index, listed in sorted(rejected, key=lambda rejection: rejection[0]):
            result.reject(index, listed)
        return result
