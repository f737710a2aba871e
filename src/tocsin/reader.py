"""What one request sent, read into Interactions, or everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tocsin.engine.field_types import FieldTypes
from tocsin.errors import InvalidInput, MalformedBody, Problem, TocsinError
from tocsin.ids import new_id
from tocsin.model.catalog import MNEMONIC, MNEMONIC_RULE, Entry, Kind
from tocsin.model.field import Field
from tocsin.model.instant import from_milliseconds, parse_milliseconds
from tocsin.model.interaction import Draft, ImportedDraft, Interaction, read_draft, read_drafts
from tocsin.model.payload import (
    Members,
    Path,
    PayloadRefused,
    Traits,
    check_value,
    decode_together,
    read_payload,
)

# So many are decoded in one go: enough that it pays, and no other thread waits for long.
TOGETHER = 256

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_MNEMONIC = re.compile(MNEMONIC)
_MEMBERS = {
    Kind.RESOURCE_TYPE: "resource_type_id",
    Kind.ACTION: "action_id",
    Kind.ORIGIN: "origin_id",
}


class Catalog(Protocol):
    def find(self, kind: Kind, mnemonic: str) -> Entry | None: ...
    def by_id(self, kind: Kind, id: UUID) -> Entry | None: ...
    def ensure_all(self, kind: Kind, mnemonics: Iterable[str], at: datetime) -> list[Entry]: ...
    def claim(self, kind: Kind, id: UUID) -> Entry | None: ...
    @property
    def is_deleting(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says of all its interactions: when it came, its headers, and whether they
    were recorded by another installation before."""

    received: int
    timestamp: str | None = None
    uow_id: str | None = None
    user_id: str | None = None
    # Tocsin's own, and what an admin imports from another installation.
    may_be_from_tocsin: bool = False
    is_import: bool = False

    @property
    def shape(self) -> type[Draft]:
        return ImportedDraft if self.is_import else Draft


class Reader:
    """Reads the interactions of one request, their unit of work where nothing else is said."""

    def __init__(
        self,
        catalog: Catalog,
        field_types: FieldTypes,
        request: Request,
        traits: Traits,
        *,
        strict: bool,
    ) -> None:
        self._traits = traits
        self._catalog = catalog
        self._field_types = field_types
        self._request = request
        self._is_strict = strict
        # A deletion that begins later waits for this request to end.
        self._claims_entries = catalog.is_deleting
        self._own_uow_id: bytes | None = None
        self._scopes: dict[tuple[str | None, ...], tuple[bytes, ...]] = {}
        self._unknown: list[tuple[Interaction, Kind, str]] = []

    def read(self, raw: bytes) -> Interaction:
        """Raises MalformedBody or InvalidInput, with every problem."""
        draft, problems = read_draft(raw, self._request.shape)
        return self._interaction(draft, bytes(draft.interaction), None, problems)

    def read_all(self, raws: Sequence[bytes]) -> Iterator[Interaction | TocsinError]:
        """Each for itself: an interaction, or what `read` would have raised.

        What can be done for many in one pass is: that takes half as long.
        """
        for start in range(0, len(raws), TOGETHER):
            some = raws[start : start + TOGETHER]
            drafts = read_drafts(some, self._request.shape)
            payloads = [bytes(draft.interaction) for draft in drafts or ()]
            members = decode_together(payloads, self._traits) if drafts else None
            if not drafts or members is None:
                yield from map(self._attempt, some)
                continue
            for draft, payload, known in zip(drafts, payloads, members, strict=True):
                yield self._attempted(draft, payload, known)

    def _attempt(self, raw: bytes) -> Interaction | TocsinError:
        try:
            return self.read(raw)
        except (InvalidInput, MalformedBody) as error:
            return error

    def _attempted(
        self, draft: Draft, payload: bytes, members: Members
    ) -> Interaction | TocsinError:
        try:
            return self._interaction(draft, payload, members, [])
        except InvalidInput as error:
            return error

    def _interaction(
        self, draft: Draft, raw: bytes, members: Members | None, problems: list[Problem]
    ) -> Interaction:
        request = self._request
        scope = types, actions, origins = self._scope(draft, problems)
        timestamp = _timestamp(draft, request, problems)
        uow_id = self._uow_id(draft, problems)
        interaction_id = _uuid("interactionId", draft.interaction_id, problems)
        response = bytes(draft.external_response)
        if response:
            self._check_response(response, problems)
        big, hollow = self._learn(raw, members, problems)
        if problems:
            raise InvalidInput(problems=problems)
        interaction = Interaction(
            interaction_id or b"",
            types,
            actions,
            origins,
            draft.resource_id,
            timestamp,
            raw,
            response,
            uow_id,
            draft.user_id if draft.user_id is not None else request.user_id,
            draft.external_reference,
            big,
            hollow,
            is_imported=request.is_import,
        )
        if not all(scope):
            self._unknown += [
                (interaction, kind, mnemonic)
                for (kind, mnemonic, _), id in zip(_scope(draft), scope, strict=True)
                if mnemonic is not None and not id
            ]
        return interaction

    def _uow_id(self, draft: Draft, problems: list[Problem]) -> bytes | None:
        if draft.uow_id is not None:
            return _uuid("uowId", draft.uow_id, problems)
        if self._request.uow_id is not None:
            return _uuid("x-uowid", self._request.uow_id, problems)
        if self._request.is_import:
            # It had none where it was recorded.
            return None
        if self._own_uow_id is None:
            self._own_uow_id = new_id()
        return self._own_uow_id

    @property
    def has_unknown(self) -> bool:
        """Whether mnemonics were read that the catalog lacks."""
        return bool(self._unknown)

    def add_unknown(self) -> None:
        """Add the mnemonics that were read and that the catalog lacks; once, after all reading.
        Writes to the store, which may block for seconds."""
        at = from_milliseconds(self._request.received)
        for kind in Kind:
            lacking = [(one, mnemonic) for one, of, mnemonic in self._unknown if of is kind]
            if lacking:
                names = [mnemonic for _, mnemonic in lacking]
                for (one, _), entry in zip(
                    lacking, self._catalog.ensure_all(kind, names, at), strict=True
                ):
                    setattr(one, _MEMBERS[kind], entry.id_bytes)

    def _scope(self, draft: Draft, problems: list[Problem]) -> tuple[bytes, ...]:
        """The ids of type, action and origin; those of a request are mostly the same few."""
        named = (
            *(draft.resource_type, draft.action, draft.origin),
            *(draft.resource_type_id, draft.action_id, draft.origin_id),
        )
        ids = self._scopes.get(named)
        if ids is None:
            ids = tuple(self._resolve(*one, problems) for one in _scope(draft))
            if all(ids):
                self._scopes[named] = ids
        return ids

    def _resolve(
        self, kind: Kind, mnemonic: str | None, id: str | None, problems: list[Problem]
    ) -> bytes:
        """The id of what is named; b"" where it is added later or something is wrong."""
        named = self._claimed(self._catalog.find(kind, mnemonic)) if mnemonic is not None else None
        if id is not None and not (mnemonic is not None and self._is_foreign(kind, id)):
            return self._resolve_id(kind, mnemonic, named, id, problems)
        if named:
            self._refuse_system(named, kind, problems)
            return named.id_bytes
        if mnemonic is None:
            problems.append(Problem(kind, f"is required (or {kind.id_member})"))
        elif not _MNEMONIC.fullmatch(mnemonic):
            problems.append(Problem(kind, MNEMONIC_RULE))
        elif self._is_strict:
            problems.append(Problem(kind, f"is no {kind.words} of the catalog: add it first"))
        return b""

    def _is_foreign(self, kind: Kind, id: str) -> bool:
        """Whether the id may be that of an entry in the installation that is imported from."""
        return (
            self._request.is_import
            and _UUID.fullmatch(id) is not None
            and self._claimed(self._catalog.by_id(kind, UUID(id))) is None
        )

    def _resolve_id(
        self,
        kind: Kind,
        mnemonic: str | None,
        named: Entry | None,
        id: str,
        problems: list[Problem],
    ) -> bytes:
        is_uuid = _UUID.fullmatch(id)
        entry = self._claimed(self._catalog.by_id(kind, UUID(id))) if is_uuid else None
        if entry is None:
            problems.append(Problem(kind.id_member, f"is the id of no {kind.words}"))
            return b""
        self._refuse_system(entry, kind.id_member, problems)
        if mnemonic is not None and entry != named:
            problems.append(Problem(kind, f"is not the {kind.words} that {kind.id_member} names"))
        return entry.id_bytes

    def _refuse_system(self, entry: Entry, member: str, problems: list[Problem]) -> None:
        """Nobody else may write what readers and subscribers take for an alert or a delivery."""
        is_protected = entry.is_system and entry.kind is not Kind.ACTION
        if is_protected and not self._request.may_be_from_tocsin:
            problems.append(Problem(member, f"{entry.mnemonic} is reserved for Tocsin itself"))

    def _claimed(self, entry: Entry | None) -> Entry | None:
        if entry is None or not self._claims_entries:
            return entry
        return self._catalog.claim(entry.kind, entry.id)

    def _check_response(self, raw: bytes, problems: list[Problem]) -> None:
        try:
            check_value(raw, self._traits)
        except PayloadRefused as error:
            problems.append(Problem("externalResponse", str(error)))

    def _learn(
        self, raw: bytes, members: Members | None, problems: list[Problem]
    ) -> tuple[Sequence[str], Sequence[str]]:
        """What of an acceptable payload the engine's JSON type does not keep as it was: the
        fields of large integers, and those of objects without a leaf."""
        try:
            payload = read_payload(raw, self._traits, members)
        except PayloadRefused as error:
            problems.append(Problem("interaction", str(error)))
        if problems:
            return (), ()
        big = self._field_types.learn(payload.members)
        hollow = payload.hollow_objects
        return _spelled(big) if big else (), _spelled(hollow) if hollow else ()


def _scope(draft: Draft) -> tuple[tuple[Kind, str | None, str | None], ...]:
    return (
        (Kind.RESOURCE_TYPE, draft.resource_type, draft.resource_type_id),
        (Kind.ACTION, draft.action, draft.action_id),
        (Kind.ORIGIN, draft.origin, draft.origin_id),
    )


def _timestamp(draft: Draft, request: Request, problems: list[Problem]) -> int:
    name, text = "timestamp", draft.timestamp
    if text is None:
        name, text = "x-interaction-timestamp", request.timestamp
    if text is None:
        return request.received
    try:
        return parse_milliseconds(text)
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return 0


def _uuid(name: str, text: str | None, problems: list[Problem]) -> bytes | None:
    if text is None:
        return None
    if not _UUID.fullmatch(text):
        problems.append(
            Problem(name, "must be a UUID such as 0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d")
        )
        return None
    return bytes.fromhex(text.replace("-", ""))


def _spelled(paths: list[Path]) -> list[str]:
    """The fields of paths; an empty key cannot be addressed, so it has none."""
    return [str(Field.of_path(path)) for path in paths if "" not in path]
