"""Finds and deletes the rows of the store that have the subject of an erasure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Table, delete, or_, select, update

from tocsin.model.alerts.transition import interaction_id_of
from tocsin.model.erasure import DataSubject, ErasureCounts, NamingDefinition
from tocsin.model.interactions.scalar import STRICT_NUMBER
from tocsin.store.audit import blank
from tocsin.store.blocks import blocks
from tocsin.store.database import Database
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.notification_tables import (
    bundle_groups,
    bundles,
    channels,
    deliveries,
    silences,
    subscriptions,
)
from tocsin.store.tables import alert_states, alerts, audit, evaluations, metrics, transitions

_ROWS = 1_000


_DEFINITIONS: tuple[tuple[str, Table, str, tuple[str, ...]], ...] = (
    ("metric", metrics, "metric_id", ("question",)),
    ("alert", alerts, "alert_id", ("definition",)),
    ("subscription", subscriptions, "subscription_id", ("filters",)),
    ("silence", silences, "silence_id", ("labels", "dimensions")),
    ("channel", channels, "channel_id", ("settings",)),
)
"""The columns of definitions that have JSON, which may have the value."""


@dataclass(slots=True)
class SubjectRows:
    """The keys of the rows; `states` are pairs of alert and group key."""

    deliveries: list[UUID] = field(default_factory=list)
    claimed: list[UUID] = field(default_factory=list)
    """Those of the deliveries that are being sent now."""
    transitions: list[UUID] = field(default_factory=list)
    states: list[tuple[UUID, str]] = field(default_factory=list)
    bundles: list[UUID] = field(default_factory=list)

    @property
    def counts(self) -> ErasureCounts:
        return ErasureCounts(
            deliveries=len(self.deliveries),
            transitions=len(self.transitions),
            alert_states=len(self.states),
            bundles=len(self.bundles),
        )

    @property
    def interaction_ids(self) -> list[UUID]:
        """The ids of the interactions that the transitions have written."""
        return list(map(interaction_id_of, self.transitions))


class ErasedRows:
    def __init__(self, database: Database, fence: Fence = NO_FENCE) -> None:
        self._database = database
        self._fence = fence

    def find(self, subject: DataSubject, at: datetime) -> SubjectRows:
        """Reads every row whose text has the value. Raises Unavailable."""
        with self._database.reading() as connection:
            return _found(connection, subject, at)

    def delete(self, subject: DataSubject, at: datetime) -> SubjectRows:
        """Delete the rows, and blank the value in the audit trail; deliveries that are being sent
        now stay. An evaluation in progress of an
        alert that loses a state is void. Raises Deposed or Unavailable."""
        with self._database.writing() as connection:
            self._fence.check(connection)
            rows = _found(connection, subject, at)
            _delete(connection, rows)
            # A number is a threshold more often than an id, and stays.
            if not STRICT_NUMBER.fullmatch(subject.value):
                blank(connection, [subject.value])
        return rows

    def definitions(self, subject: DataSubject) -> list[NamingDefinition]:
        """The definitions that have the value as a whole text."""
        with self._database.reading() as connection:
            return [
                NamingDefinition(kind, id)
                for kind, table, id_column, columns in _DEFINITIONS
                for id in connection.execute(
                    select(table.c[id_column])
                    .where(or_(*(_contains(table.c[name], subject, '"') for name in columns)))
                    .order_by(table.c.number)
                ).scalars()
            ]

    def scopes(self) -> Mapping[UUID, UUID | None]:
        """The resource type of each metric."""
        with self._database.reading() as connection:
            return _scopes(connection)

    def values(self, subject_column: str) -> Iterator[str]:
        """Every text that may be a subject: those of the members of deliveries with this name, and
        of all dimensions."""
        with self._database.reading() as connection:
            for row in _streamed(connection, deliveries.c.snapshot):
                for dimensions in _named(row.snapshot, subject_column):
                    yield from _texts(dimensions)
            for table in (transitions, alert_states):
                for row in _streamed(connection, table.c.dimensions):
                    yield from _texts(json.loads(row.dimensions) or {})


def _found(connection: Connection, subject: DataSubject, at: datetime) -> SubjectRows:
    scopes = _scopes(connection)
    rows = SubjectRows()
    columns = deliveries.c
    query = columns.delivery_id, columns.snapshot, columns.claimed_until
    for row in _streamed(connection, *query, has=_contains(columns.snapshot, subject)):
        if _has_subject(row.snapshot, subject, scopes):
            is_claimed = row.claimed_until is not None and row.claimed_until > at
            (rows.claimed if is_claimed else rows.deliveries).append(row.delivery_id)
    steps = transitions.c
    has = _contains(steps.dimensions, subject)
    for row in _streamed(connection, steps.transition_id, steps.dimensions, steps.metric, has=has):
        scope = _scope_of(row.metric)
        if subject.matches(json.loads(row.dimensions) or {}, scope):
            rows.transitions.append(row.transition_id)
    states = alert_states.c
    metric_of = dict(connection.execute(select(alerts.c.alert_id, alerts.c.metric_id)).all())
    has = _contains(states.dimensions, subject)
    for row in _streamed(connection, states.alert_id, states.group_key, states.dimensions, has=has):
        scope = scopes.get(metric_of.get(row.alert_id))
        if subject.matches(json.loads(row.dimensions) or {}, scope):
            rows.states.append((row.alert_id, row.group_key))
    rows.bundles = _bundles(connection, subject)
    return rows


def _bundles(connection: Connection, subject: DataSubject) -> list[UUID]:
    """The windows whose key names the subject: a key has the values of labels and dimensions, in
    the order of the names of its subscription."""
    query = (
        select(bundles.c.bundle_id, bundles.c.key, subscriptions.c.grouping)
        .join(subscriptions, subscriptions.c.subscription_id == bundles.c.subscription_id)
        .where(_contains(bundles.c.key, subject))
    )
    ids = []
    for row in connection.execute(query):
        names = json.loads(row.grouping or "{}").get("by")
        if isinstance(names, list):
            dimensions = dict(zip(names, json.loads(row.key), strict=False))
            if subject.matches(dimensions, None):
                ids.append(row.bundle_id)
    return ids


def _delete(connection: Connection, rows: SubjectRows) -> None:
    for block in blocks(rows.deliveries):
        connection.execute(delete(deliveries).where(deliveries.c.delivery_id.in_(block)))
    for block in blocks(rows.transitions):
        groups = bundle_groups.c
        for column in (groups.fired_id, groups.recovered_id):
            connection.execute(delete(bundle_groups).where(column.in_(block)))
        connection.execute(delete(transitions).where(transitions.c.transition_id.in_(block)))
    for block in blocks(rows.bundles):
        connection.execute(delete(bundles).where(bundles.c.bundle_id.in_(block)))
    for alert_id, key in rows.states:
        is_state = alert_states.c.alert_id == alert_id, alert_states.c.group_key == key
        connection.execute(delete(alert_states).where(*is_state))
    for block in blocks(list({alert_id for alert_id, _ in rows.states})):
        changed = update(evaluations).where(evaluations.c.alert_id.in_(block))
        connection.execute(changed.values(version=evaluations.c.version + 1))


def _streamed(connection: Connection, *columns: Any, has: Any = None) -> Iterator[Any]:
    query = select(*columns) if has is None else select(*columns).where(has)
    yield from connection.execution_options(yield_per=_ROWS).execute(query)


def _contains(column: Column[Any], subject: DataSubject, quote: str = "") -> ColumnElement[bool]:
    """Whether a JSON text may have the value, in both spellings of the store; with a quote, only as
    a whole text."""
    spellings = {json.dumps(subject.value), msgspec.json.encode(subject.value).decode()}
    return or_(
        *(column.contains(f"{quote}{text[1:-1]}{quote}", autoescape=True) for text in spellings)
    )


def _scopes(connection: Connection) -> Mapping[Any, UUID | None]:
    rows = connection.execute(select(metrics.c.metric_id, metrics.c.resource_type_id))
    return {row.metric_id: row.resource_type_id for row in rows}


def _scope_of(metric: str) -> UUID | None:
    id = json.loads(metric).get("question", {}).get("resource_type_id")
    return UUID(id) if id else None


def _has_subject(snapshot: str, subject: DataSubject, scopes: Mapping[Any, UUID | None]) -> bool:
    """Whether the delivered interaction is of the subject, or a transition in it has it."""
    members = _members(snapshot)
    if subject.resource_type_id is None:
        is_of_subject = members.get("userId") == subject.value
    else:
        is_of_type = members.get("resourceTypeId") == str(subject.resource_type_id)
        is_of_subject = is_of_type and members.get("resourceId") == subject.value
    return is_of_subject or any(
        subject.matches(dimensions, scopes.get(_uuid(metric_id)))
        for dimensions, metric_id in _groups(members.get("interaction"))
    )


def _groups(value: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """The dimensions in a payload of Tocsin, at any depth, each with the id of its metric."""
    if isinstance(value, dict):
        if isinstance(value.get("dimensions"), dict):
            yield value["dimensions"], value.get("metricId")
        for member in value.values():
            yield from _groups(member)
    elif isinstance(value, list):
        for element in value:
            yield from _groups(element)


def _named(snapshot: str, member: str) -> Iterator[Mapping[str, Any]]:
    members = _members(snapshot)
    yield {member: members.get(member)}
    for dimensions, _ in _groups(members.get("interaction")):
        yield dimensions


def _members(snapshot: str) -> dict[str, Any]:
    try:
        members: dict[str, Any] = json.loads(snapshot)
    except (ValueError, RecursionError):
        return {}
    return members


def _texts(dimensions: Mapping[str, Any]) -> Iterator[str]:
    return (text for text in dimensions.values() if isinstance(text, str))


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except (TypeError, ValueError, AttributeError):
        return None


TABLES: tuple[Table, ...] = (
    deliveries,
    transitions,
    alert_states,
    bundles,
    bundle_groups,
    audit,
)
"""The tables that `delete` changes."""
