"""The submissions of a group, and which of them cannot be appended now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from tocsin.errors import EntryDeleted, Unavailable
from tocsin.ingestion.append_log import NotBegun
from tocsin.ingestion.append_news import scope_of
from tocsin.ingestion.duplicates import is_same
from tocsin.ingestion.outcomes import Outcome, Outcomes, Rejected
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.recorded import Recorded

IN_DOUBT = "It is not known yet whether this interaction was recorded; try again in a moment"


class Submission(NamedTuple):
    """Interactions with one future, the number of callers that sent them, and the range of their
    timestamps."""

    interactions: Sequence[Interaction]
    callers: int
    future: Future[Outcomes]
    first: int
    last: int

    def has_any(self, ids: frozenset[bytes]) -> bool:
        """Whether an interaction has one of the ids."""
        return bool(ids) and any(each.interaction_id in ids for each in self.interactions)

    def uses_any(self, entries: frozenset[bytes]) -> bool:
        """Whether an interaction has one of the catalog entries, given by their ids."""
        return bool(entries) and not all(
            entries.isdisjoint(scope_of(each)) for each in self.interactions
        )


class Separated(NamedTuple):
    """The submissions of a group that may be appended, and those that have to wait."""

    acceptable: list[Submission]
    waiting: list[Submission]


def separate(group: Iterable[Submission], reason: NotBegun) -> Separated:
    """Take out of a group the submissions for which it was not begun, and fail those among them
    that nobody can wait for."""
    separated = Separated([], [])
    for submission in group:
        if submission.uses_any(reason.deleted):
            submission.future.set_exception(EntryDeleted())
        elif submission.has_any(reason.in_doubt):
            submission.future.set_exception(Unavailable(IN_DOUBT))
        elif submission.has_any(reason.waiting):
            separated.waiting.append(submission)
        else:
            separated.acceptable.append(submission)
    return separated


def callers_of(submissions: Iterable[Submission]) -> int:
    return sum(submission.callers for submission in submissions)


def outcome_of(
    interaction: Interaction,
    first: Mapping[bytes, Interaction],
    recorded: Mapping[bytes, Recorded],
    rejected: Mapping[bytes, Rejected],
) -> Outcome | Rejected:
    id = interaction.interaction_id
    original = first.get(id) or recorded[id]
    if original is interaction:
        return rejected.get(id) or Outcome.RECORDED
    if not is_same(interaction, original):
        return Outcome.CONFLICT
    interaction.interaction_number = original.interaction_number
    return rejected.get(id) or Outcome.DUPLICATE
