"""Learns the ids of other appends from the log, and finds them in a new block."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from tocsin.ingestion.append_log import NotBegun
from tocsin.ingestion.append_news import Knowledge
from tocsin.ingestion.append_table import LockedAppends
from tocsin.ingestion.ids import generated_ids
from tocsin.ingestion.quorum_rule import QuorumRule
from tocsin.model.interactions.append_rows import AppendKind, AppendState, IdRow, Tail
from tocsin.model.interactions.appends import OtherIds


class AppendIds:
    """The caller lets one thread at a time use the object."""

    def __init__(self, knowledge: Knowledge, quorum: QuorumRule) -> None:
        self._knowledge = knowledge
        self._quorum = quorum
        self._others = OtherIds(0)

    def begin_at(self, rows: Iterable[IdRow]) -> None:
        """Learn the ids of rows up to the last one of the log, after the node has joined."""
        rows = _with_generated(rows)
        self._knowledge.add_ids(b"".join(row.ids for row in rows))
        unended = {row.number: row.ids for row in rows if row.state is not AppendState.ENDED}
        self._others = OtherIds(rows[-1].number, unended)

    def learn(self, locked: LockedAppends, tail: Tail, given: Collection[bytes]) -> None:
        """Learn the ids of other appends. Raises MissedAppends, Unavailable if this node may
        not append any more, or NotBegun if they have some of the ids that are given."""
        self._quorum.check()
        others = self._others
        if tail.last == others.learnt and not others.unended:
            return
        learnt = others.learnt
        rows = _with_generated(locked.ids_after(learnt, others.unended.keys()))
        shared, ids = others.learn(rows, given)
        if ids:
            self._knowledge.add_ids(ids)
        new = [row for row in rows if row.number > learnt]
        if any(row.kind is AppendKind.JOIN for row in new):
            self._knowledge.resend_types()
        self._quorum.observe(new)
        self._quorum.check()
        if shared:
            raise NotBegun(
                recorded=shared.recorded, waiting=shared.waiting, in_doubt=shared.in_doubt
            )

    def skip(self, number: int) -> None:
        """A row of this node has followed the last one that was learnt."""
        self._others.learnt = number

    def doubt(self, number: int, ids: bytes) -> None:
        """Compare later blocks with the ids of a row of this node, which others will close."""
        self._others.unended[number] = ids


def _with_generated(rows: Iterable[IdRow]) -> list[IdRow]:
    """The rows with the ids that their seeds generate."""
    return [
        replace(row, ids=row.ids + b"".join(generated_ids(row.seed, row.generated)))
        if row.generated
        else row
        for row in rows
    ]
