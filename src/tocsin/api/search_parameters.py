"""The query parameters that select interactions, for the list, the export and discovery."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BeforeValidator

from tocsin.api.dependencies import App
from tocsin.errors import InvalidInput, Problem
from tocsin.model.instant import parse_instant
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.scope import Scope
from tocsin.model.interactions.search import Search
from tocsin.runtime import Runtime

_ID = Query(json_schema_extra={"format": "uuid"})
_Id = Annotated[str | None, _ID]


def _empty_is_none(value: str | None) -> str | None:
    return value or None


# A form sends all of its fields, empty ones too.
_FormText = Annotated[str | None, BeforeValidator(_empty_is_none)]
_FormId = Annotated[str | None, BeforeValidator(_empty_is_none), _ID]


def _search(
    runtime: App,
    resourceTypeId: _Id = None,  # noqa: N803
    resourceType: str | None = None,  # noqa: N803
    resourceId: str | None = None,  # noqa: N803
    actionId: _Id = None,  # noqa: N803
    action: str | None = None,
    originId: _Id = None,  # noqa: N803
    origin: str | None = None,
    uowId: _Id = None,  # noqa: N803
    userId: str | None = None,  # noqa: N803
    from_: Annotated[str | None, Query(alias="from")] = None,
    to: str | None = None,
) -> Search:
    problems: list[Problem] = []
    search = Search(
        resource_type_id=_entry_id(
            runtime, Kind.RESOURCE_TYPE, resourceType, resourceTypeId, problems
        ),
        resource_id=resourceId,
        action_id=_entry_id(runtime, Kind.ACTION, action, actionId, problems),
        origin_id=_entry_id(runtime, Kind.ORIGIN, origin, originId, problems),
        uow_id=_uuid("uowId", uowId, problems),
        user_id=userId,
        start=_instant("from", from_, problems),
        to=_instant("to", to, problems),
    )
    if problems:
        raise InvalidInput(problems=problems)
    return search


SearchQuery = Annotated[Search, Depends(_search)]
"""The interactions that a request selects: by catalog entry, ids, user and time."""


def _scope(
    runtime: App,
    resourceTypeId: _FormId = None,  # noqa: N803
    resourceType: _FormText = None,  # noqa: N803
    actionId: _FormId = None,  # noqa: N803
    action: _FormText = None,
    originId: _FormId = None,  # noqa: N803
    origin: _FormText = None,
) -> Scope:
    problems: list[Problem] = []
    scope = Scope(
        _entry_id(runtime, Kind.RESOURCE_TYPE, resourceType, resourceTypeId, problems),
        _entry_id(runtime, Kind.ACTION, action, actionId, problems),
        _entry_id(runtime, Kind.ORIGIN, origin, originId, problems),
    )
    if problems:
        raise InvalidInput(problems=problems)
    return scope


ScopeQuery = Annotated[Scope, Depends(_scope)]
"""The resource type, the action and the origin that a request is limited to."""


def _entry_id(
    runtime: Runtime, kind: Kind, mnemonic: str | None, id: str | None, problems: list[Problem]
) -> UUID | None:
    """The entry that is named by mnemonic, by id, or by both; adds to the problems."""
    entry_id = _uuid(kind.id_member, id, problems)
    if entry_id is not None and runtime.catalog.by_id(kind, entry_id) is None:
        problems.append(Problem(kind.id_member, f"is the id of no {kind.words} in the catalog"))
        return None
    if mnemonic is None:
        return entry_id
    entry = runtime.catalog.find(kind, mnemonic)
    if entry is None:
        problems.append(Problem(kind, f"is the mnemonic of no {kind.words} in the catalog"))
    elif entry_id is not None and entry_id != entry.id:
        problems.append(Problem(kind, f"is not the {kind.words} that {kind.id_member} names"))
    return entry.id if entry else None


def _uuid(name: str, text: str | None, problems: list[Problem]) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        problems.append(Problem(name, "must be a UUID"))
        return None


def _instant(name: str, text: str | None, problems: list[Problem]) -> datetime | None:
    try:
        return parse_instant(text) if text is not None else None
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return None
