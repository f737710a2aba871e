"""The shapes of the audit trail and of the histories of definitions."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from tocsin.access.definition_history import Version
from tocsin.api.schemas.shape import InstantText, Shape, doc, instant_or_none
from tocsin.model.audit.entry import (
    AuditAction,
    AuditEntry,
    AuditSubject,
    Author,
    DefinitionDocument,
)
from tocsin.model.instant import format_instant

_By = Annotated["AuthorResponse | None", doc("The key that acted; null: Tocsin itself")]
_Changed = Annotated[
    list[str], doc("The paths of the members that changed, secrets included, if it was changed")
]
_Definition = dict[str, Any] | None


class AuthorResponse(Shape):
    key_id: UUID
    name: Annotated[str, doc("The name that the key had then")]

    @classmethod
    def of(cls, author: Author | None) -> AuthorResponse | None:
        return cls(author.key_id, author.name) if author else None


class AuditEntryResponse(Shape):
    at: InstantText
    by: _By
    action: AuditAction
    kind: AuditSubject
    id: Annotated[UUID | None, doc("null: not one thing, such as all alerts")]
    name: str | None
    changed: _Changed
    before: Annotated[_Definition, doc("The definition before, its secrets as `***`")]
    after: Annotated[_Definition, doc("The definition afterwards, or facts about the action")]

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditEntryResponse:
        return cls(
            at=format_instant(entry.at),
            by=AuthorResponse.of(entry.by),
            action=entry.action,
            kind=entry.kind,
            id=entry.id,
            name=entry.name,
            changed=list(entry.changed),
            before=_members(entry.before),
            after=_members(entry.after),
        )


class AuditTrailResponse(Shape):
    entries: list[AuditEntryResponse]
    next_cursor: str | None


class VersionResponse(Shape):
    at: Annotated[InstantText | None, doc("null: stored by a Tocsin that kept no history")]
    by: _By
    action: AuditAction
    name: str | None
    changed: _Changed
    definition: Annotated[_Definition, doc("The members that a PUT accepts; null: deleted")]

    @classmethod
    def of(cls, version: Version) -> VersionResponse:
        return cls(
            at=instant_or_none(version.at),
            by=AuthorResponse.of(version.by),
            action=version.action,
            name=version.name,
            changed=list(version.changed),
            definition=_members(version.definition),
        )


class HistoryResponse(Shape):
    versions: list[VersionResponse]
    next_cursor: str | None


def _members(document: DefinitionDocument | None) -> _Definition:
    return None if document is None else dict(document)
