"""A batch between its parsing and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tocsin.errors import Problem, at_most
from tocsin.ingestion.parser import InteractionParser
from tocsin.model.ceilings import PROBLEMS_OF_BATCH
from tocsin.model.interactions.interaction import Interaction


@dataclass(slots=True)
class BatchResult:
    """The outcome of a batch; `rejected` holds indexes in the order of the batch."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, Sequence[Problem]]] = field(default_factory=list)
    _listed: int = 0

    def reject(self, index: int, problems: Sequence[Problem]) -> None:
        """Add the problems of an interaction; after PROBLEMS_OF_BATCH, only its first."""
        room = max(PROBLEMS_OF_BATCH - self._listed, 1)
        self._listed += len(problems)
        self.rejected.append((index, at_most(problems, room)))


@dataclass(slots=True)
class ParsedBatch:
    """A parsed batch: its acceptable interactions, and their indexes in the batch."""

    parser: InteractionParser
    batch: BatchResult = field(default_factory=BatchResult)
    indexes: list[int] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)

    def reject(self, problems: dict[int, Problem]) -> None:
        """Reject the interactions that have problems, by their `id()`."""
        if not problems:
            return
        pairs = list(zip(self.indexes, self.interactions, strict=True))
        for index, interaction in pairs:
            if problem := problems.get(id(interaction)):
                self.batch.reject(index, [problem])
        acceptable = [pair for pair in pairs if id(pair[1]) not in problems]
        self.indexes = [index for index, _ in acceptable]
        self.interactions = [interaction for _, interaction in acceptable]
