"""The page of the audit trail, and those of the histories of metrics and alerts."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Member

from tocsin.access.definition_history import Version
from tocsin.api.parameters import OptionalInstant
from tocsin.errors import InvalidInput
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditFilter, AuditSubject
from tocsin.model.cursor import InstantPosition, position_of, write_position
from tocsin.model.interactions.catalog import Kind
from tocsin.model.metrics.rules import uuid_of
from tocsin.model.validation import problems_of
from tocsin.runtime import Runtime
from tocsin.web.address_parameters import reads
from tocsin.web.definition_changes import MemberChange, NameOf, member_changes
from tocsin.web.forms import Form
from tocsin.web.pages import alerts, metrics
from tocsin.web.rendering import Admin, Pages, Reader, Site
from tocsin.web.routing import PageRouter

PATH = "/web/audit"
_PAGE = 50
_SEARCHED = ("kind", "action", "id", "keyName", "from", "to")
_HISTORIES = {AuditSubject.METRIC: metrics.PATH, AuditSubject.ALERT: alerts.PATH}

router = PageRouter()


class _Searched(BaseModel):
    """The fields of the search."""

    model_config = ConfigDict(frozen=True)

    kind: AuditSubject | None = None
    action: AuditAction | None = None
    id: UUID | None = None
    key_name: str | None = Member(default=None, alias="keyName")
    start: OptionalInstant = Member(default=None, alias="from")
    to: OptionalInstant = None


class AuditView(NamedTuple):
    """A row, the address of the history of its definition, and the members that it changed."""

    entry: AuditEntry
    address: str | None
    changes: list[MemberChange]


class VersionView(NamedTuple):
    """A version, and the members that it changed of the one before."""

    version: Version
    changes: list[MemberChange]


@router.get(PATH, **reads(*_SEARCHED, "cursor"))
def audit_trail(pages: Site, request: Request, _viewer: Admin) -> Response:
    form = Form(request.url.query)
    rows: list[AuditEntry] = []
    following: InstantPosition | None = None
    problem = None
    try:
        position = position_of(form.text("cursor"))
        rows, following = pages.runtime.audit.page(_PAGE, _filter(form), position)
    except InvalidInput as error:
        problem = error
    return pages.render_form(
        request,
        "audit.html",
        problem,
        form=form,
        rows=[_view(row, partial(_name_of, pages.runtime)) for row in rows],
        next_cursor=write_position(following),
        query=form.query(without=["cursor"]),
        kinds=list(AuditSubject),
        actions=list(AuditAction),
    )


@router.get(metrics.PATH + "/{id:uuid}/history")
def history_of_metric(
    pages: Site, request: Request, _viewer: Reader, id: UUID, cursor: str | None = None
) -> Response:
    return _history(pages, request, AuditSubject.METRIC, id, cursor)


@router.get(alerts.PATH + "/{id:uuid}/history")
def history_of_alert(
    pages: Site, request: Request, _viewer: Reader, id: UUID, cursor: str | None = None
) -> Response:
    return _history(pages, request, AuditSubject.ALERT, id, cursor)


def _history(
    pages: Pages, request: Request, kind: AuditSubject, id: UUID, cursor: str | None
) -> Response:
    history = pages.runtime.definition_history
    # One more, which the last version of the page is compared with.
    versions, _ = history.page(kind, id, _PAGE + 1, position_of(cursor))
    shown = versions[:_PAGE]
    last = shown[-1].position if len(versions) > _PAGE else None
    formers = [*versions[1:], None][: len(shown)]
    return pages.render(
        request,
        "history.html",
        kind=kind,
        address=f"{_HISTORIES[kind]}/{id}",
        list_address=_HISTORIES[kind],
        name=next((version.name for version in shown if version.name), None),
        is_deleted=cursor is None and bool(shown) and shown[0].definition is None,
        versions=[
            _version(*each, partial(_name_of, pages.runtime))
            for each in zip(shown, formers, strict=True)
        ],
        next_cursor=write_position(last),
    )


def _filter(form: Form) -> AuditFilter:
    """The filter of the search; raises InvalidInput with all problems."""
    given = {name: text for name in _SEARCHED if (text := form.text(name))}
    try:
        searched = _Searched.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error
    return AuditFilter(
        start=searched.start,
        to=searched.to,
        action=searched.action,
        kind=searched.kind,
        id=searched.id,
        key_name=searched.key_name,
    )


def _name_of(runtime: Runtime, text: str) -> str | None:
    """The present name of the thing that a definition refers to by this id."""
    id = uuid_of(text)
    if id is None:
        return None
    for kind in Kind:
        if entry := runtime.catalog.by_id(kind, id):
            return entry.mnemonic
    if id in runtime.metrics:
        return runtime.metrics.get(id).name
    if channel := runtime.channels.find(id):
        return channel.spec.name
    alert = runtime.alerts.find(id)
    return alert.title if alert else None


def _view(entry: AuditEntry, name_of: NameOf) -> AuditView:
    base = _HISTORIES.get(entry.kind)
    address = f"{base}/{entry.id}/history" if base and entry.id else None
    changes = member_changes(entry.before, entry.after, entry.changed, name_of)
    return AuditView(entry, address, changes)


def _version(version: Version, former: Version | None, name_of: NameOf) -> VersionView:
    before: Any = former.definition if former else None
    changes = member_changes(before, version.definition, version.changed, name_of)
    return VersionView(version, changes if version.definition else [])
