"""The log of appends in PostgreSQL. Its rules are in `model/interactions/appends.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from tocsin.model.interactions.append_rows import (
    AppendKind,
    AppendRow,
    AppendState,
    IdRow,
    NewRow,
    Tail,
    Unended,
)
from tocsin.store.advisory_locks import AdvisoryLock
from tocsin.store.database import Database
from tocsin.store.server_tables import appends, revisions
from tocsin.store.tables import catalog

KEPT = timedelta(hours=1)

_NOW = func.clock_timestamp()
_ROW = appends.c
_IS_OPEN = _ROW.state == literal(AppendState.OPEN.value)
# A literal, so that the partial index is used.
_IS_UNENDED = _ROW.state != literal(AppendState.ENDED.value, literal_execute=True)
_ENDED = {"state": AppendState.ENDED, "ended_at": _NOW, "ended_by": bindparam("by")}

_TAIL = (
    select(
        _ROW.number,
        _ROW.count,
        select(revisions.c.revision).where(revisions.c.name == catalog.name).scalar_subquery(),
    )
    .order_by(_ROW.number.desc())
    .limit(1)
)
_IS_NEW = _ROW.number > bindparam("learnt")
_IDS = (_ROW.number, _ROW.previous, _ROW.kind, _ROW.state)
_IDS_AFTER = (
    select(
        *_IDS,
        case((_IS_NEW, _ROW.ids), else_=b""),
        _ROW.seed,
        case((_IS_NEW, _ROW.generated), else_=0),
    )
    .where(or_(_IS_NEW, _ROW.number.in_(bindparam("unended", expanding=True))))
    .order_by(_ROW.number)
)
_AFTER = (
    select(
        _ROW.number,
        _ROW.previous,
        _ROW.count,
        _ROW.node,
        _ROW.kind,
        _ROW.state,
        case((_ROW.number > bindparam("seen"), _ROW.news), else_=b""),
    )
    .where(_ROW.number > bindparam("passed"))
    .order_by(_ROW.number)
)
_UNENDED = (
    select(
        _ROW.number,
        _ROW.count,
        _ROW.node,
        _ROW.state,
        _ROW.staged,
        _ROW.news,
        func.extract("epoch", _NOW - _ROW.begun_at),
    )
    .where(_IS_UNENDED)
    .order_by(_ROW.number)
)
_LOCKED_STATE = select(_ROW.state).where(_ROW.number == bindparam("row")).with_for_update()
_END = update(appends).where(_ROW.number == bindparam("row")).values(_ENDED)
# A repeat by the same node succeeds, too: the answer to the first one may have been lost.
_END_OPEN = _END.where(or_(_IS_OPEN, _ROW.ended_by == bindparam("by"))).returning(_ROW.number)


class LockedAppendLog:
    """The log in a transaction that holds its lock. Implements LockedAppends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tail(self) -> Tail:
        row = self._connection.execute(_TAIL).first()
        if row is None:
            return Tail(0, 1, 0)
        number, count, catalog_revision = row
        return Tail(number, number + count, catalog_revision or 0)

    def ids_after(self, number: int, unended: Collection[int]) -> Sequence[IdRow]:
        values = {"learnt": number, "unended": list(unended)}
        return list(map(_id_row, self._connection.execute(_IDS_AFTER, values)))

    def insert(self, row: NewRow) -> None:
        values = {column: getattr(row, column) for column in NewRow.__slots__}
        if row.state is AppendState.ENDED:
            values |= {"ended_at": _NOW, "ended_by": row.node}
        self._connection.execute(insert(appends).values(values))

    def end(self, number: int, node: str) -> AppendState | None:
        values = {"row": number, "by": node}
        state = self._connection.execute(_LOCKED_STATE, values).scalar_one_or_none()
        if state in (None, AppendState.ENDED):
            return None
        self._connection.execute(_END, values)
        return AppendState(state)


class Appends:
    """Implements AppendTable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def locked(self) -> Iterator[LockedAppendLog]:
        with self._database.writing(AdvisoryLock.APPENDING) as connection:
            yield LockedAppendLog(connection)

    def after(self, passed: int, seen: int) -> Sequence[AppendRow]:
        rows = self._database.read_rows(_AFTER, {"passed": passed, "seen": seen})
        return list(map(_append_row, rows))

    def end_open(self, number: int, node: str) -> bool:
        return bool(self._database.read_rows(_END_OPEN, {"row": number, "by": node}))

    def set_aside(self, numbers: Collection[int]) -> Sequence[int]:
        is_one = _ROW.number.in_(list(numbers))
        aside = update(appends).where(is_one, _IS_OPEN).values(state=AppendState.ASIDE)
        return [row.number for row in self._database.read_rows(aside.returning(_ROW.number))]

    def unended(self) -> Sequence[Unended]:
        return list(map(_unended_row, self._database.read_rows(_UNENDED)))

    def recent_ids(self, seconds: float) -> Sequence[IdRow]:
        columns = (*_IDS, _ROW.ids, _ROW.seed, _ROW.generated)
        recent = _ROW.number >= _first_kept(timedelta(seconds=seconds))
        rows = self._database.read_rows(select(*columns).where(recent).order_by(_ROW.number))
        return list(map(_id_row, rows))

    def prune(self) -> None:
        with self._database.writing(AdvisoryLock.APPENDING) as connection:
            connection.execute(delete(appends).where(_ROW.number < _first_kept(KEPT)))


def _first_kept(age: timedelta) -> Any:
    """The number of the first row that has not ended, or did less than `age` ago; that of the last
    row if there is none."""
    is_kept = or_(_IS_UNENDED, and_(_ROW.ended_at.is_not(None), _ROW.ended_at > _NOW - age))
    first = select(func.min(_ROW.number)).where(is_kept).scalar_subquery()
    last = select(func.max(_ROW.number)).scalar_subquery()
    return func.coalesce(first, last)


def _append_row(row: Any) -> AppendRow:
    number, previous, count, node, kind, state, news = row
    return AppendRow(number, previous, count, node, AppendKind(kind), AppendState(state), news)


def _unended_row(row: Any) -> Unended:
    number, count, node, state, staged, news, age = row
    return Unended(number, count, node, AppendState(state), staged, news, float(age))


def _id_row(row: Any) -> IdRow:
    number, previous, kind, state, ids, seed, generated = row
    return IdRow(number, previous, AppendKind(kind), AppendState(state), ids, seed, generated)
