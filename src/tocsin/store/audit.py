"""The audit trail: rows that are written in the transaction of the change that they describe.

A change and its row exist both or neither. `CachedTable` and `Catalog` record the changes of
definitions; `AuditTrail.record` is for actions that change nothing in the store.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    insert,
    not_,
    or_,
    select,
    update,
)

from tocsin.model.audit.entry import (
    CHANGES,
    VERSIONED,
    AuditAction,
    AuditEntry,
    AuditFilter,
    AuditSubject,
    Author,
    DefinitionDocument,
)
from tocsin.model.ceilings import PAGE_BYTES
from tocsin.model.cursor import InstantPosition
from tocsin.model.instant import cut
from tocsin.model.notifications.kept_secrets import MASK
from tocsin.store.database import Database
from tocsin.store.tables import audit

_IS_VERSION = and_(audit.c.kind.in_(VERSIONED), audit.c.action.in_(CHANGES))


def record(connection: Connection, *entries: AuditEntry) -> None:
    """Write rows in the transaction of the change that they describe."""
    if entries:
        connection.execute(insert(audit), list(map(_row, entries)))


class AuditTrail:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, entry: AuditEntry) -> None:
        """Write the row of an action that changes nothing in the store, before it begins."""
        with self._database.writing() as connection:
            record(connection, entry)

    def page(
        self, limit: int, filter: AuditFilter, after: InstantPosition | None = None
    ) -> tuple[list[AuditEntry], InstantPosition | None]:
        """At most `limit` rows, newest first, and the position that the next page follows; fewer
        rows if they are long."""
        query = select(audit).where(*_conditions(filter, after))
        return self._page(query, limit)

    def versions(
        self, kind: AuditSubject, id: UUID, limit: int, after: InstantPosition | None = None
    ) -> tuple[list[AuditEntry], InstantPosition | None]:
        """The changes of a metric or an alert, which may have been deleted, paged as `page`."""
        conditions = _conditions(AuditFilter(kind=kind, id=id), after)
        return self._page(select(audit).where(*conditions, _IS_VERSION), limit)

    def drop_before(self, instant: datetime) -> int:
        """Delete rows, except for changes of metrics and alerts, which are their history; returns
        the number."""
        expired = delete(audit).where(audit.c.at < instant, not_(_IS_VERSION))
        with self._database.writing() as connection:
            return connection.execute(expired).rowcount

    def _page(self, query: Any, limit: int) -> tuple[list[AuditEntry], InstantPosition | None]:
        newest = query.order_by(audit.c.at.desc(), audit.c.number.desc()).limit(limit + 1)
        entries: list[AuditEntry] = []
        length = 0
        with self._database.reading() as connection:
            for row in connection.execute(newest).mappings():
                length += len(row["before"] or "") + len(row["after"] or "")
                if len(entries) == limit or (entries and length > PAGE_BYTES):
                    return entries, (entries[-1].at, entries[-1].number)
                entries.append(_entry(row))
        return entries, None


def blank(connection: Connection, values: Collection[str]) -> int:
    """Replace each member of `before` and `after`, and each name, that equals one of the values by
    `***`, in the transaction of an erasure; returns the number of rows."""
    blanked = 0
    texts = [json.dumps(value)[1:-1] for value in values]
    columns = (audit.c.before, audit.c.after)
    holds = [column.contains(text, autoescape=True) for column in columns for text in texts]
    rows = connection.execute(select(audit).where(or_(audit.c.name.in_(list(values)), *holds)))
    for row in rows.mappings().all():
        former = _entry(row)
        entry = replace(
            former,
            name=MASK if former.name in values else former.name,
            before=_blanked(former.before, values),
            after=_blanked(former.after, values),
        )
        if entry != former:
            of_row = update(audit).where(audit.c.number == entry.number)
            connection.execute(of_row.values(_row(entry)))
            blanked += 1
    return blanked


def _blanked(document: Any, values: Collection[str]) -> Any:
    if isinstance(document, Mapping):
        return {name: _blanked(member, values) for name, member in document.items()}
    if isinstance(document, list):
        return [_blanked(member, values) for member in document]
    is_text = isinstance(document, str | int) and not isinstance(document, bool)
    return MASK if is_text and str(document) in values else document


def _conditions(
    filter: AuditFilter, after: InstantPosition | None
) -> Iterator[ColumnElement[bool]]:
    at, number = audit.c.at, audit.c.number
    if filter.start:
        yield at >= filter.start
    if filter.to:
        yield at < filter.to
    columns = (
        (audit.c.action, filter.action),
        (audit.c.kind, filter.kind),
        (audit.c.subject_id, filter.id),
        (audit.c.key_id, filter.key_id),
        (audit.c.key_name, filter.key_name),
    )
    yield from (column == value for column, value in columns if value is not None)
    if after:
        yield or_(at < after[0], and_(at == after[0], number < after[1]))


def _row(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": cut(entry.at),
        "key_id": entry.by.key_id if entry.by else None,
        "key_name": entry.by.name if entry.by else None,
        "action": entry.action.value,
        "kind": entry.kind.value,
        "subject_id": entry.id,
        "name": entry.name,
        "before": _text(entry.before),
        "after": _text(entry.after),
        "changed": json.dumps(entry.changed) if entry.changed else None,
    }


def _text(document: DefinitionDocument | None) -> str | None:
    return None if document is None else json.dumps(document)


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        at=row["at"],
        by=Author(row["key_id"], row["key_name"] or "") if row["key_id"] else None,
        action=AuditAction(row["action"]),
        kind=AuditSubject(row["kind"]),
        id=row["subject_id"],
        name=row["name"],
        before=json.loads(row["before"] or "null"),
        after=json.loads(row["after"] or "null"),
        changed=tuple(json.loads(row["changed"] or "[]")),
        number=row["number"],
    )
