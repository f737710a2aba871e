"""What one request sent, read into Interactions, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress, product
from operator import not_

from tocsin.clickhouse.field_types import Bounds, FieldTypes
from tocsin.errors import InvalidInput, MalformedBody, Problem, TocsinError, at_most
from tocsin.ingestion.catalog_resolver import UUID_TEXT, Catalog, CatalogResolver
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
    PayloadHints,
    PayloadRefused,
    check_value,
    decode_together,
    read_payload,
)

# So many are decoded in one go: enough that it pays, and no other thread waits for long.
TOGETHER = 256

_COMPARED = ("resource_type_id", "action_id", "origin_id", "resource_id", "payload")
_COMPARED_IF_GIVEN = ("timestamp", "uow_id", "user_id", "external_reference")
_COMPARED_BY_MISSING = {
    missing: (*_COMPARED, *compress(_COMPARED_IF_GIVEN, map(not_, missing)))
    for missing in product((False, True), repeat=len(_COMPARED_IF_GIVEN))
}


class InteractionParser:
    """Reads the interactions of one request, their unit of work where nothing else is said."""

    def __init__(
        self,
        catalog: Catalog,
        field_types: FieldTypes,
        request: RequestContext,
        hints: PayloadHints,
        *,
        strict: bool,
    ) -> None:
        self._traits = hints
        self._field_types = field_types
        self._request = request
        self._scopes = CatalogResolver(catalog, request, strict=strict)
        self._earliest = request.received - request.times.past
        self._latest = request.received + request.times.future
        self._own_uow_id: bytes | None = None
        # What Tocsin itself records, which no sender may get in the way of.
        self._is_own = request.may_be_from_tocsin and not request.is_import
        # Looked up once: a member of an enumeration takes ten times as long as an attribute.
        self._bounds = Bounds.NONE if self._is_own else Bounds.ALL
        self._bounds_if_short = Bounds.NONE if self._is_own else Bounds.SHORT

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
                try:
                    yield self._interaction(draft, payload, known, [])
                except InvalidInput as error:
                    yield error

    def _attempt(self, raw: bytes) -> Interaction | TocsinError:
        try:
            return self.read(raw)
        except (InvalidInput, MalformedBody) as error:
            return error

    def _interaction(
        self, draft: InteractionDraft, raw: bytes, members: Members | None, problems: list[Problem]
    ) -> Interaction:
        request = self._request
        scope = types, actions, origins = self._scopes.ids(draft, problems)
        timestamp = _timestamp(draft, request, problems)
        if not self._earliest <= timestamp <= self._latest:
            self._check_time(draft, timestamp, problems)
        uow_id = self._uow_id(draft, problems)
        interaction_id = None
        if draft.interaction_id is not None:
            interaction_id = _uuid("interactionId", draft.interaction_id, problems)
        response = bytes(draft.external_response)
        if response:
            self._check_response(response, problems)
        big, hollow = self._learn(raw, members, problems)
        user_id = draft.user_id
        if user_id is None and request.user_id is not None:
            user_id = self._user_id(request.user_id, problems)
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
            hollow,
        )
        # Most interactions have the defaults, and a keyword costs more than both questions.
        if interaction_id and not self._is_own:
            interaction.compared = _compared(draft)
        if request.is_import:
            interaction.is_imported = True
        if not all(scope):
            self._scopes.add_unresolved(interaction, draft, scope)
        return interaction

    def _check_time(self, draft: InteractionDraft, timestamp: int, problems: list[Problem]) -> None:
        name = "timestamp" if draft.timestamp is not None else "x-interaction-timestamp"
        refusal = self._request.times.refusal(timestamp, self._request.received)
        if refusal and name not in {problem.field for problem in problems}:
            problems.append(Problem(name, refusal))

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
            # It had none where it was recorded.
            return None
        if self._own_uow_id is None:
            self._own_uow_id = new_id()
        return self._own_uow_id

    @property
    def has_new_entries(self) -> bool:
        """Whether mnemonics were read that the catalog lacks."""
        return self._scopes.has_new_entries

    def register_new_entries(self) -> dict[int, Problem]:
        """Add the mnemonics that were read and that the catalog lacks; once, after all reading.

        Returns the problem of each interaction, by its `id()`, for which the catalog has no room
        any more. Writes to the store, which may block for seconds.
        """
        return self._scopes.register_new_entries()

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
        bounds = self._bounds_if_short if len(raw) <= KEY_LENGTH else self._bounds
        try:
            big = self._field_types.learn(payload.members, bounds)
        except PayloadRefused as error:
            problems.append(Problem("interaction", str(error)))
            return (), ()
        hollow = payload.leafless_objects
        return _spelled(big) if big else (), _spelled(hollow) if hollow else ()


def _timestamp(draft: InteractionDraft, request: RequestContext, problems: list[Problem]) -> int:
    name, text = "timestamp", draft.timestamp
    if text is None:
        name, text = "x-interaction-timestamp", request.timestamp
    if text is None:
        return request.received
    try:
        timestamp = parse_milliseconds(text)
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return 0
    return timestamp


def _compared(draft: InteractionDraft) -> tuple[str, ...]:
    """The members that the draft gives, apart from those that are always compared."""
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


def _spelled(paths: list[Path]) -> list[str]:
    """The fields of paths; an empty key cannot be addressed, so it has none."""
    return [str(Field.of_path(path)) for path in paths if "" not in path]
