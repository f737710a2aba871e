"""Which interactions does an address ask for? And the metric that would count them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from tocsin.errors import InvalidInput, Problem
from tocsin.model.catalog import Kind
from tocsin.model.filter import Filter
from tocsin.model.instant import parse_instant
from tocsin.model.problems import problems_of
from tocsin.model.search import Search
from tocsin.runtime import Runtime
from tocsin.web.forms import Form, entered, kind_of

SINCE = {"15m": 15, "1h": 60, "24h": 24 * 60, "7d": 7 * 24 * 60, "30d": 30 * 24 * 60}
_FILTERS = TypeAdapter(tuple[Filter, ...])
_COLUMNS = ("resourceId", "userId", "uowId")


def read_search(runtime: Runtime, form: Form, now: datetime) -> Search:
    """What is looked for; InvalidInput holds everything that is wrong with it."""
    problems: list[Problem] = form.filter_problems()
    ids = [_entry_id(runtime, kind, form, problems) for kind in Kind]
    start, to = _time(form, now, problems)
    uow_id = _uuid(form.text("uowId"), problems)
    filters: tuple[Filter, ...] = ()
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
    """The query that fills the form of a metric with this search."""
    filters: list[dict[str, Any]] = [
        *({"field": name, "operator": "eq", "value": form.text(name)} for name in _COLUMNS),
        *form.filters(),
    ]
    rows = [filter for filter in filters if filter.get("value", "") is not None]
    said: list[tuple[str, str]] = [(kind.value, form.text(kind.value) or "") for kind in Kind]
    said += [("timeWindow", form.text("since") or "")]
    for filter in rows:
        value = filter.get("value")
        said += [("filterField", filter["field"]), ("filterOperator", filter["operator"])]
        said += [("filterKind", kind_of(value)), ("filterValue", entered(value))]
    return urlencode(said)


def _entry_id(runtime: Runtime, kind: Kind, form: Form, problems: list[Problem]) -> UUID | None:
    mnemonic = form.text(kind.value)
    entry = runtime.catalog.find(kind, mnemonic) if mnemonic else None
    if mnemonic and not entry:
        problems.append(Problem(kind.value, f"is no {kind.words} of the catalog"))
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
