"""Parses the interactions of one request, and collects every problem of those it rejects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress, product
from operator import not_

from tocsin.clickhouse.field_types import Bounds, FieldTypes
from tocsin.errors import InvalidInput, MalformedBody, Problem, TocsinError, at_most
from tocsin.ingestion.catalog_resolver import UUID_TEXT, CatalogEntries, CatalogResolver
from tocsin.ingestion.ids import new_id
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.ceilings import KEY_LENGTH, PROBLEMS_OF_ONE, TEXT_LENGTH
from tocsin.model.instant import parse_milliseconds
from tocsin.model.interactions.draft import TEXT_RULE, read_draft, read_drafts
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.interaction import Interaction, InteractionDraft
from tocsin.model.interactions.payload import (
    Members,
    Path,
    Payload,
    PayloadHints,
    PayloadRejected,
    check_value,
    decode_together,
    read_payload,
)
from tocsin.model.interactions.redaction import Redactor

# The number of interactions that are decoded in one call: enough to be faster, and few enough not
# to block other threads for long.
CHUNK = 256

_COMPARED = ("resource_type_id", "action_id", "origin_id", "resource_id", "payload")
_COMPARED_IF_GIVEN = ("timestamp", "uow_id", "user_id", "external_reference")
_COMPARED_BY_MISSING = {
    missing: (*_COMPARED, *compress(_COMPARED_IF_GIVEN, map(not_, missing)))
    for missing in product((False, True), repeat=len(_COMPARED_IF_GIVEN))
}


class InteractionParser:
    """Parses the interactions of one request; those without a unit of work share a new one."""

    def __init__(
        self,
        catalog: CatalogEntries,
        field_types: FieldTypes,
        request: RequestContext,
        hints: PayloadHints,
        *,
        strict: bool,
        redaction_key: bytes,
    ) -> None:
        self._redactions = catalog.redactions
        self._redaction_key = redaction_key
        self._redactors: dict[bytes, Redactor] = {}
        self._hints = hints
        self._field_types = field_types
        self._request = request
        self._resolver = CatalogResolver(catalog, request, strict=strict)
        self._earliest = request.received - request.times.past
        self._latest = request.received + request.times.future
        self._new_uow_id: bytes | None = None
        # Tocsin records these itself; the limits on senders must not prevent that.
        self._is_own = request.may_be_from_tocsin and not request.is_import
        # A member of an enumeration takes ten times as long to look up as an attribute.
        self._bounds = Bounds.NONE if self._is_own else Bounds.ALL
        self._bounds_if_short = Bounds.NONE if self._is_own else Bounds.SHORT

    def parse(self, raw: bytes) -> Interaction:
        """The interaction. Raises MalformedBody or InvalidInput, with every problem."""
        draft, problems = read_draft(raw, self._request.shape)
        return self._build(draft, bytes(draft.interaction), None, problems)

    def parse_all(self, raws: Sequence[bytes]) -> Iterator[Interaction | TocsinError]:
        """For each item independently: an interaction, or the error that `parse` would raise.

        Interactions are decoded in chunks where possible, which takes half as long.
        """
        for start in range(0, len(raws), CHUNK):
            chunk = raws[start : start + CHUNK]
            drafts = read_drafts(chunk, self._request.shape)
            payloads = [bytes(draft.interaction) for draft in drafts or ()]
            members = decode_together(payloads, self._hints) if drafts else None
            if not drafts or members is None:
                yield from map(self._parse_or_error, chunk)
                continue
            for draft, payload, decoded in zip(drafts, payloads, members, strict=True):
                try:
                    yield self._build(draft, payload, decoded, [])
                except InvalidInput as error:
                    yield error

    def _parse_or_error(self, raw: bytes) -> Interaction | TocsinError:
        try:
            return self.parse(raw)
        except (InvalidInput, MalformedBody) as error:
            return error

    def _build(
        self, draft: InteractionDraft, raw: bytes, members: Members | None, problems: list[Problem]
    ) -> Interaction:
        scope = types, actions, origins = self._resolver.ids(draft, problems)
        timestamp = self._timestamp(draft, problems)
        uow_id = self._uow_id(draft, problems)
        text = draft.interaction_id
        interaction_id = None if text is None else _uuid("interactionId", text, problems)
        response = bytes(draft.external_response)
        if response:
            self._check_response(response, problems)
        redactor = self._redactor(types) if self._redactions else None
        raw, payload = self._read(raw, members, redactor, problems)
        big, leafless = self._observe(raw, payload, problems)
        user_id = draft.user_id
        if user_id is None and self._request.user_id is not None:
            user_id = self._user_id(self._request.user_id, problems)
        if problems:
            raise InvalidInput(problems=at_most(problems, PROBLEMS_OF_ONE))
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
            user_id,
            draft.external_reference,
            big,
            leafless,
        )
        # Most interactions have the defaults, and a keyword costs more than both conditions.
        if interaction_id and not self._is_own:
            interaction.compared = _compared(draft)
        if redactor:
            interaction.redactor = redactor
        if self._request.is_import:
            interaction.is_imported = True
        if not all(scope):
            self._resolver.add_unresolved(interaction, draft, scope)
        return interaction

    def _timestamp(self, draft: InteractionDraft, problems: list[Problem]) -> int:
        """The timestamp in milliseconds; 0 if it is malformed."""
        name, text = "timestamp", draft.timestamp
        if text is None:
            name, text = "x-interaction-timestamp", self._request.timestamp
        if text is None:
            timestamp = self._request.received
        else:
            try:
                timestamp = parse_milliseconds(text)
            except ValueError as error:
                problems.append(Problem(name, str(error)))
                return 0
        if not self._earliest <= timestamp <= self._latest:
            self._check_time(name, timestamp, problems)
        return timestamp

    def _check_time(self, name: str, timestamp: int, problems: list[Problem]) -> None:
        violation = self._request.times.violation(timestamp, self._request.received)
        if violation and name not in {problem.field for problem in problems}:
            problems.append(Problem(name, violation))

    def _user_id(self, text: str, problems: list[Problem]) -> str:
        if len(text) > TEXT_LENGTH:
            problems.append(Problem("x-userid", TEXT_RULE))
        return text

    def _uow_id(self, draft: InteractionDraft, problems: list[Problem]) -> bytes | None:
        if draft.uow_id is not None:
            return _uuid("uowId", draft.uow_id, problems)
        if self._request.uow_id is not None:
            return _uuid("x-uowid", self._request.uow_id, problems)
        if self._request.is_import:
            # The original interaction had none.
            return None
        if self._new_uow_id is None:
            self._new_uow_id = new_id()
        return self._new_uow_id

    @property
    def has_new_entries(self) -> bool:
        """Whether parsed interactions name entries that the catalog lacks."""
        return self._resolver.has_new_entries

    def register_new_entries(self) -> dict[int, Problem]:
        """Add the entries that the catalog lacks; to be called once, after all parsing.

        Returns the problem of each interaction, by its `id()`, for which the catalog has no room
        left. Writes to the store, which may block for seconds.
        """
        return self._resolver.register_new_entries()

    def _check_response(self, raw: bytes, problems: list[Problem]) -> None:
        try:
            check_value(raw, self._hints)
        except PayloadRejected as error:
            problems.append(Problem("externalResponse", str(error)))

    def _redactor(self, resource_type: bytes) -> Redactor | None:
        """That of the resource type. Interactions of Tocsin itself are not redacted: their members
        are values of redacted interactions."""
        redactions = self._redactions.get(resource_type)
        if not redactions or self._is_own:
            return None
        redactor = self._redactors.get(resource_type)
        if redactor is None:
            redactor = self._redactors[resource_type] = Redactor(redactions, self._redaction_key)
        return redactor

    def _read(
        self,
        raw: bytes,
        members: Members | None,
        redactor: Redactor | None,
        problems: list[Problem],
    ) -> tuple[bytes, Payload | None]:
        """Validate the payload, and redact it."""
        try:
            payload = read_payload(raw, self._hints, members)
            if redactor is None:
                return raw, payload
            redacted = redactor.redact(raw, keeps_replaced=self._request.is_import)
            if redacted is not raw:
                payload = read_payload(redacted, PayloadHints.of(redacted))
        except PayloadRejected as error:
            problems.append(Problem("interaction", str(error)))
            return raw, None
        return redacted, payload

    def _observe(
        self, raw: bytes, payload: Payload | None, problems: list[Problem]
    ) -> tuple[Sequence[str], Sequence[str]]:
        """Observe the types of a payload. Returns the fields whose values the engine's JSON type
        does not preserve: large integers and objects without a leaf."""
        if problems or payload is None:
            return (), ()
        bounds = self._bounds_if_short if len(raw) <= KEY_LENGTH else self._bounds
        try:
            big = self._field_types.observe(payload.members, bounds)
        except PayloadRejected as error:
            problems.append(Problem("interaction", str(error)))
            return (), ()
        leafless = payload.leafless_objects
        return _fields(big) if big else (), _fields(leafless) if leafless else ()


def _compared(draft: InteractionDraft) -> tuple[str, ...]:
    """The members in which a repeat must agree: those that are always compared, and those that the
    draft gives."""
    return _COMPARED_BY_MISSING[
        draft.timestamp is None,
        draft.uow_id is None,
        draft.user_id is None,
        draft.external_reference is None,
    ]


def _uuid(name: str, text: str | None, problems: list[Problem]) -> bytes | None:
    if text is None:
        return None
    if not UUID_TEXT.fullmatch(text):
        problems.append(
            Problem(name, "must be a UUID such as 0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d")
        )
        return None
    return bytes.fromhex(text.replace("-", ""))


def _fields(paths: list[Path]) -> list[str]:
    """The fields of the paths; a path with an empty key is no field."""
    return [str(Field.of_path(path)) for path in paths if "" not in path]
