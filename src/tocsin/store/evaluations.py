"""What was found of each alert so far, and the one transaction in which something new is kept.

Whoever evaluates reads a version with the states; what came of it is kept only if the version is
still the same. So a slot is claimed, and a definition that changed meanwhile wins.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tocsin.errors import NotFound
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.evaluation import Finding, Standing
from tocsin.model.alerts.state import AlertState, Key, Reason, Status, close, key_of
from tocsin.model.alerts.transition import Transition
from tocsin.model.metrics.metric import Metric
from tocsin.store.database import Database
from tocsin.store.tables import alert_states, evaluations
from tocsin.store.transitions import Transitions

# SQLite takes 32,766 values in a statement; a claim has two for each alert.
_CLAIMED_AT_ONCE = 5_000
_STATE_KEY = (alert_states.c.alert_id, alert_states.c.group_key)
_FORGET = delete(alert_states).where(
    alert_states.c.alert_id == bindparam("id"), alert_states.c.group_key == bindparam("key")
)


@dataclass(slots=True)
class Found:
    """What was found of an alert up to a version, and as of when; None before the first time."""

    version: int
    evaluated_at: datetime | None = None
    states: dict[Key, AlertState] = field(default_factory=dict)


class Evaluations:
    def __init__(self, database: Database, transitions: Transitions) -> None:
        self._database = database
        self._transitions = transitions

    def standings(self) -> dict[UUID, Standing]:
        """How each alert stands."""
        with self._database.reading() as connection:
            rows = connection.execute(select(evaluations)).mappings().all()
        return {row["alert_id"]: _standing(row) for row in rows}

    def standing(self, id: UUID) -> Standing:
        """Raises NotFound."""
        with self._database.reading() as connection:
            one = select(evaluations).where(evaluations.c.alert_id == id)
            row = connection.execute(one).mappings().one_or_none()
        if row is None:
            raise NotFound("There is no alert with this id")
        return _standing(row)

    def found(self, ids: Sequence[UUID]) -> dict[UUID, Found]:
        """The versions and states of some alerts; an alert that is gone is left out."""
        columns = evaluations.c
        versions = select(columns.alert_id, columns.version, columns.evaluated_at)
        with self._database.reading() as connection:
            rows = connection.execute(versions.where(columns.alert_id.in_(ids)))
            found = {id: Found(version, evaluated_at) for id, version, evaluated_at in rows}
            kept = select(alert_states).where(alert_states.c.alert_id.in_(ids))
            for row in connection.execute(kept).mappings():
                if row["alert_id"] in found:
                    found[row["alert_id"]].states[_key(row)] = _state(row)
        return found

    def keep(self, findings: Sequence[Finding], slot: datetime | None) -> set[UUID]:
        """Keep what was found, as the one who takes a slot if there is one; answers the alerts
        for which it was kept, which are those that nobody else has evaluated or changed
        meanwhile. Claim, states, transitions and deliveries are one transaction."""
        with self._database.writing() as connection:
            kept = self._claim(connection, findings, slot)
            claimed = [finding for finding in findings if finding.alert.alert_id in kept]
            _write_states(connection, claimed)
            made = [transition for finding in claimed for transition in finding.transitions]
            self._transitions.insert(connection, made)
        return kept

    def begin(self, connection: Connection, id: UUID, slot: datetime) -> None:
        """An alert is new; nothing is found yet."""
        connection.execute(insert(evaluations).values(alert_id=id, version=0, slot=slot))

    def move(self, connection: Connection, id: UUID, slot: datetime | None) -> None:
        """A definition changed: evaluations under way are void, and slots count from `slot` on,
        if one is given."""
        values = {"version": evaluations.c.version + 1, **({"slot": slot} if slot else {})}
        connection.execute(update(evaluations).where(evaluations.c.alert_id == id).values(values))

    def close(
        self, connection: Connection, alert: Alert, metric: Metric, reason: Reason, at: datetime
    ) -> None:
        """Forget the groups of an alert; those that fire make transitions."""
        kept = select(alert_states).where(alert_states.c.alert_id == alert.alert_id)
        states = [_state(row) for row in connection.execute(kept).mappings().all()]
        changes = [change for state in states if (change := close(state, reason, at))]
        made = [Transition.of(change, alert, metric) for change in changes]
        self._transitions.insert(connection, made)
        self.move(connection, alert.alert_id, None)
        connection.execute(delete(alert_states).where(alert_states.c.alert_id == alert.alert_id))

    def _claim(
        self, connection: Connection, findings: Sequence[Finding], slot: datetime | None
    ) -> set[UUID]:
        by_health: dict[tuple[datetime, str | None, float], list[Finding]] = defaultdict(list)
        for finding in findings:
            by_health[finding.at, finding.error, finding.elapsed_ms].append(finding)
        kept: set[UUID] = set()
        for (at, error, elapsed_ms), some in by_health.items():
            values = {"evaluated_at": at, "error": error, "elapsed_ms": elapsed_ms}
            for start in range(0, len(some), _CLAIMED_AT_ONCE):
                part = some[start : start + _CLAIMED_AT_ONCE]
                kept |= _claim(connection, part, values | ({"slot": slot} if slot else {}))
        return kept


def _claim(
    connection: Connection, findings: Sequence[Finding], values: dict[str, Any]
) -> set[UUID]:
    seen = [(finding.alert.alert_id, finding.version) for finding in findings]
    claim = (
        update(evaluations)
        .where(tuple_(evaluations.c.alert_id, evaluations.c.version).in_(seen))
        .values(version=evaluations.c.version + 1, **values)
        .returning(evaluations.c.alert_id)
    )
    return set(connection.execute(claim).scalars())


def _write_states(connection: Connection, findings: Iterable[Finding]) -> None:
    forgotten, kept = [], []
    for finding in findings:
        id = finding.alert.alert_id
        for key, state in finding.states.items():
            if state is None:
                forgotten.append({"id": id, "key": json.dumps(key)})
            else:
                kept.append(_row(id, state))
    if forgotten:
        connection.execute(_FORGET, forgotten)
    if kept:
        made = upsert(alert_states)
        changing = ("status", "since", "clear_since", "value")
        changed = {name: made.excluded[name] for name in changing}
        connection.execute(made.on_conflict_do_update(_STATE_KEY, set_=changed), kept)


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


def _key(row: RowMapping) -> Key:
    return tuple(json.loads(row["group_key"]))


def _state(row: RowMapping) -> AlertState:
    return AlertState(
        status=Status(row["status"]),
        since=row["since"],
        value=json.loads(row["value"]),
        dimensions=json.loads(row["dimensions"]),
        clear_since=row["clear_since"],
    )


def _standing(row: RowMapping) -> Standing:
    return Standing(row["slot"], row["evaluated_at"], row["error"], row["elapsed_ms"])
