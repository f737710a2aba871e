"""The states and the evaluation status of each alert, saved in one transaction with transitions.

An evaluation reads a version with the states, and its result is saved only if the version is still
the same. This claims a slot, and lets a definition win that changed during the evaluation.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, tuple_, update

from tocsin.errors import NotFound
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.evaluation import EvaluationResult, EvaluationStatus
from tocsin.model.alerts.state import AlertState, GroupKey, Reason, Status, key_of, resolve
from tocsin.model.alerts.transition import Transition
from tocsin.model.metrics.metric import Metric
from tocsin.store.database import Database
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.revisions import CachedRows
from tocsin.store.tables import alert_states, evaluations
from tocsin.store.transitions import Transitions
from tocsin.store.upsert import upsert

# SQLite takes 32,766 values in a statement; a claim has two for each alert.
_CLAIM_BLOCK = 5_000
_CHANGING = ("status", "since", "clear_since", "value")
_DELETE_STATE = delete(alert_states).where(
    alert_states.c.alert_id == bindparam("id"), alert_states.c.group_key == bindparam("key")
)

_Health = tuple[datetime, str | None, float]
"""The time of an evaluation, its error, and its duration in milliseconds."""


@dataclass(slots=True)
class StoredStates:
    """The states of an alert at a version, as of its last evaluation; None before the first."""

    version: int
    evaluated_at: datetime | None = None
    states: dict[GroupKey, AlertState] = field(default_factory=dict)


class Evaluations:
    def __init__(
        self, database: Database, transitions: Transitions, fence: Fence = NO_FENCE
    ) -> None:
        self._database = database
        self._fence = fence
        self._transitions = transitions

    def statuses(self) -> dict[UUID, EvaluationStatus]:
        """The status of each alert."""
        with self._database.reading() as connection:
            rows = connection.execute(select(evaluations)).mappings().all()
        return {row["alert_id"]: _status(row) for row in rows}

    def status(self, id: UUID) -> EvaluationStatus:
        """Raises NotFound."""
        with self._database.reading() as connection:
            query = select(evaluations).where(evaluations.c.alert_id == id)
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFound("There is no alert with this id")
        return _status(row)

    def stored_states(self, ids: Sequence[UUID]) -> dict[UUID, StoredStates]:
        """The versions and states of the alerts that still exist."""
        with self._database.reading() as connection:
            return _stored_states(connection, ids)

    @contextmanager
    def consistent(
        self, ids: Sequence[UUID], definitions: Sequence[CachedRows]
    ) -> Iterator[dict[UUID, StoredStates]]:
        """`stored_states` at a moment at which memory has these definitions, which do not change
        while this is held. A version must not be newer than the definition that is judged."""
        with self._database.revisions.consistent(definitions) as connection:
            yield _stored_states(connection, ids)

    def save(
        self,
        results: Sequence[EvaluationResult],
        slot: datetime | None,
        *,
        as_leader: bool = False,
    ) -> set[UUID]:
        """Save results and claim the slot, if one is given. Returns the ids of the saved alerts,
        which are those that were neither evaluated nor changed since their states were read.
        Claim, states, transitions and deliveries are one transaction. Raises Deposed with
        `as_leader` if another node is the leader, or Unavailable."""
        # Transitions are matched with subscriptions and silences, which must not be older.
        with self._database.revisions.changing() as connection:
            if as_leader:
                self._fence.check(connection)
            claimed = self._claim(connection, results, slot)
            saved = [result for result in results if result.alert.alert_id in claimed]
            _write_states(connection, saved)
            transitions = [each for result in saved for each in result.transitions]
            self._transitions.insert(connection, transitions)
        return claimed

    def insert(self, connection: Connection, id: UUID, slot: datetime) -> None:
        """Add a new alert, in the transaction that creates it."""
        connection.execute(insert(evaluations).values(alert_id=id, version=0, slot=slot))

    def supersede(self, connection: Connection, id: UUID, slot: datetime | None) -> None:
        """Make evaluations in progress void, because the definition changed, and let slots count
        from `slot` on, if one is given."""
        values = {"version": evaluations.c.version + 1, **({"slot": slot} if slot else {})}
        connection.execute(update(evaluations).where(evaluations.c.alert_id == id).values(values))

    def resolve(
        self, connection: Connection, alert: Alert, metric: Metric, reason: Reason, at: datetime
    ) -> None:
        """Delete the states of an alert; its firing groups make transitions."""
        query = select(alert_states).where(alert_states.c.alert_id == alert.alert_id)
        states = [state_of(row) for row in connection.execute(query).mappings().all()]
        changes = [change for state in states if (change := resolve(state, reason, at))]
        transitions = [Transition.of(change, alert, metric) for change in changes]
        self._transitions.insert(connection, transitions)
        self.supersede(connection, alert.alert_id, None)
        connection.execute(delete(alert_states).where(alert_states.c.alert_id == alert.alert_id))

    def _claim(
        self, connection: Connection, results: Sequence[EvaluationResult], slot: datetime | None
    ) -> set[UUID]:
        by_health: dict[_Health, list[EvaluationResult]] = defaultdict(list)
        for result in results:
            by_health[result.at, result.error, result.elapsed_ms].append(result)
        claimed: set[UUID] = set()
        for (at, error, elapsed_ms), group in by_health.items():
            values = {"evaluated_at": at, "error": error, "elapsed_ms": elapsed_ms}
            for start in range(0, len(group), _CLAIM_BLOCK):
                part = group[start : start + _CLAIM_BLOCK]
                claimed |= _claim(connection, part, values | ({"slot": slot} if slot else {}))
        return claimed


def _stored_states(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, StoredStates]:
    columns = evaluations.c
    versions = select(columns.alert_id, columns.version, columns.evaluated_at)
    rows = connection.execute(versions.where(columns.alert_id.in_(ids)))
    stored = {id: StoredStates(version, evaluated_at) for id, version, evaluated_at in rows}
    query = select(alert_states).where(alert_states.c.alert_id.in_(ids))
    for row in connection.execute(query).mappings():
        if row["alert_id"] in stored:
            state = state_of(row)
            stored[row["alert_id"]].states[key_of(state.dimensions)] = state
    return stored


def _claim(
    connection: Connection, results: Sequence[EvaluationResult], values: dict[str, Any]
) -> set[UUID]:
    versions = [(result.alert.alert_id, result.version) for result in results]
    claim = (
        update(evaluations)
        .where(tuple_(evaluations.c.alert_id, evaluations.c.version).in_(versions))
        .values(version=evaluations.c.version + 1, **values)
        .returning(evaluations.c.alert_id)
    )
    return set(connection.execute(claim).scalars())


def _write_states(connection: Connection, results: Iterable[EvaluationResult]) -> None:
    deleted, written = [], []
    for result in results:
        id = result.alert.alert_id
        for key, state in result.states.items():
            if state is None:
                deleted.append({"id": id, "key": json.dumps(key)})
            else:
                written.append(_row(id, state))
    if deleted:
        connection.execute(_DELETE_STATE, deleted)
    if written:
        upsert(
            connection,
            alert_states,
            written,
            key=["alert_id", "group_key"],
            changes=lambda new: {name: new[name] for name in _CHANGING},
        )


def _row(id: UUID, state: AlertState) -> dict[str, Any]:
    return {
        "alert_id": id,
        "group_key": json.dumps(key_of(state.dimensions)),
        "dimensions": json.dumps(state.dimensions),
        "status": state.status.value,
        "since": state.since,
        "clear_since": state.clear_since,
        "value": json.dumps(state.value),
    }


def state_of(row: RowMapping) -> AlertState:
    return AlertState(
        status=Status(row["status"]),
        since=row["since"],
        value=json.loads(row["value"]),
        dimensions=json.loads(row["dimensions"]),
        clear_since=row["clear_since"],
    )


def _status(row: RowMapping) -> EvaluationStatus:
    return EvaluationStatus(row["slot"], row["evaluated_at"], row["error"], row["elapsed_ms"])
