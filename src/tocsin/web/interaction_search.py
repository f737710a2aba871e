"""Parses a search for interactions from an address, and turns it into a metric's form."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from tocsin.errors import InvalidInput, Problem
from tocsin.model.instant import parse_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.search import Search
from tocsin.model.metrics.draft import Filters
from tocsin.model.validation import problems_of
from tocsin.runtime import Runtime
from tocsin.web.address_parameters import CONDITIONS
from tocsin.web.filter_rows import Condition
from tocsin.web.forms import Form
from tocsin.web.quoting import is_plain

SINCE = {"15m": 15, "1h": 60, "24h": 24 * 60, "7d": 7 * 24 * 60, "30d": 30 * 24 * 60}
SEARCHED = (
    *(*(kind.value for kind in Kind), "resourceId", "userId", "uowId"),
    *("since", "from", "to", "cursor", *CONDITIONS),
)
"""The query parameters of the page of interactions."""

_FILTERS = TypeAdapter(Filters)
_COLUMNS = ("resourceId", "userId", "uowId")


def read_search(runtime: Runtime, form: Form, now: datetime) -> Search:
    """The search of a form; raises InvalidInput with all problems."""
    problems: list[Problem] = form.filter_problems()
    ids = [_entry_id(runtime, kind, form, problems) for kind in Kind]
    start, to = _time(form, now, problems)
    uow_id = _uuid(form.text("uowId"), problems)
    filters: Filters = ()
    try:
        filters = _FILTERS.validate_python(form.filters())
    except ValidationError as error:
        problems += [Problem(f"filters{p.field}", p.message) for p in problems_of(error)]
    if problems:
        raise InvalidInput(problems=problems)
    return Search(
        *(ids[0], form.text("resourceId"), ids[1], ids[2]),
        uow_id=uow_id,
        user_id=form.text("userId"),
        start=start,
        to=to,
        filters=filters,
    )


def counting(form: Form) -> str:
    """The query string that fills a metric's form with this search, without `from` and `to`."""
    columns = [_equal(name, text) for name in _COLUMNS if (text := form.text(name))]
    scope = [(kind.value, form.text(kind.value) or "") for kind in Kind]
    rows = [*map(Condition.of, columns), *form.conditions()]
    return urlencode([*scope, ("timeWindow", form.text("since") or ""), *_rows(rows)])


def address_of(column: str, text: str) -> str:
    """The query string that searches for any text in a column."""
    if is_plain(text):
        return urlencode({column: text})
    return urlencode(_rows([Condition.of(_equal(column, text))]))


def _equal(column: str, text: str) -> dict[str, Any]:
    """A filter that matches like the search, which accepts a UUID in any spelling."""
    id = _uuid(text, []) if column == "uowId" else None
    return {"field": column, "operator": "eq", "value": str(id) if id else text}


def _rows(rows: Iterable[Condition]) -> list[tuple[str, str]]:
    return [
        pair
        for row in rows
        for pair in (
            ("filterLevel", str(row.level)),
            *(("filterField", row.field), ("filterOperator", row.operator)),
            *(("filterKind", row.kind), ("filterValue", row.text)),
        )
    ]


def _entry_id(runtime: Runtime, kind: Kind, form: Form, problems: list[Problem]) -> UUID | None:
    mnemonic = form.text(kind.value)
    entry = runtime.catalog.find(kind, mnemonic) if mnemonic else None
    if mnemonic and not entry:
        problems.append(Problem(kind.value, f"is the mnemonic of no {kind.words} in the catalog"))
    return entry.id if entry else None


def _time(
    form: Form, now: datetime, problems: list[Problem]
) -> tuple[datetime | None, datetime | None]:
    since = form.text("since")
    if since in SINCE:
        return now - timedelta(minutes=SINCE[since]), None
    return _instant("from", form, problems), _instant("to", form, problems)


def _instant(name: str, form: Form, problems: list[Problem]) -> datetime | None:
    text = form.text(name)
    try:
        return parse_instant(text) if text else None
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return None


def _uuid(text: str | None, problems: list[Problem]) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        problems.append(Problem("uowId", "must be a UUID"))
        return None
