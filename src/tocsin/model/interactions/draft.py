"""Decodes requests into drafts of interactions and their problems.

A batch has thousands of interactions, so msgspec decodes each in one pass and keeps the payload
as the bytes that were sent. Only an interaction that fails is decoded again, member by member, so
that every problem is reported.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from tocsin.errors import MalformedBody, Problem
from tocsin.model.ceilings import INTERACTION_BYTES, RESOURCE_ID_LENGTH, TEXT_LENGTH
from tocsin.model.interactions.interaction import ImportedDraft, InteractionDraft
from tocsin.model.interactions.splitting import SURROGATE, split_object
from tocsin.model.interactions.verbatim import Verbatim, restores

TEXT_RULE = f"must have at most {TEXT_LENGTH} characters"
_NOT_UNICODE = "holds text that is not valid Unicode: a lone surrogate"

_DRAFTS: dict[type[InteractionDraft], msgspec.json.Decoder[Any]] = {
    shape: msgspec.json.Decoder(shape) for shape in (InteractionDraft, ImportedDraft)
}
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str | None)
_LIMITED = {"userId", "externalReference"}
_JSON_MEMBERS = {"interaction", "externalResponse"}
_NAMES = {
    shape: {field.encode_name: field.name for field in msgspec.structs.fields(shape)}
    for shape in _DRAFTS
}
_OF_IMPORTS = {
    "interactionNumber": (msgspec.json.Decoder(int | None), "must be a whole number"),
    "verbatim": (msgspec.json.Decoder(Verbatim | None), "must hold JSON values as texts"),
}


def read_draft(
    raw: bytes, shape: type[InteractionDraft] = InteractionDraft
) -> tuple[InteractionDraft, list[Problem]]:
    """The interaction in a JSON text, as far as it can be decoded, and its problems.

    Raises MalformedBody if the text is not JSON.
    """
    try:
        if not raw.isascii():
            raw.decode()
        draft: InteractionDraft = _DRAFTS[shape].decode(raw)
    except (msgspec.ValidationError, RecursionError):
        return _read_member_by_member(raw, shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if SURROGATE.search(raw):
            return _read_without_lone_surrogates(raw, shape)
        raise MalformedBody(f"The interaction is not valid JSON: {_reason(error)}") from None
    problems = _lengths(draft)
    return draft, problems if shape is InteractionDraft else problems + _restore(draft)


def read_drafts(
    raws: Sequence[bytes], shape: type[InteractionDraft] = InteractionDraft
) -> list[InteractionDraft] | None:
    """The interactions in many JSON texts; None if any of them has a problem."""
    try:
        drafts: list[InteractionDraft] = list(map(_DRAFTS[shape].decode, raws))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    together = b"".join(raws)
    is_text = together.isascii() or _is_text(together)
    if not is_text or any(map(_lengths, drafts)):
        return None
    return None if shape is not InteractionDraft and any(map(_restore, drafts)) else drafts


def _restore(draft: InteractionDraft) -> list[Problem]:
    """Restore the line ends that an export replaced, and drop the null that answers have in place
    of a missing response."""
    if not isinstance(draft, ImportedDraft):
        return []
    if draft.external_response == b"null":
        draft.external_response = msgspec.Raw(b"")
    if draft.verbatim is None:
        return []
    problems = []
    verbatim, draft.verbatim = draft.verbatim, None
    for name in ("interaction", "external_response"):
        text = getattr(verbatim, name)
        if text is not None and not restores(text.encode(), bytes(getattr(draft, name))):
            member = "externalResponse" if name == "external_response" else name
            problems.append(Problem(f"verbatim.{member}", f"is not the JSON that {member} is"))
        elif text is not None:
            setattr(draft, name, msgspec.Raw(text.encode()))
    return problems


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _reject_constant(name: str) -> None:
    raise ValueError(name)


def _read_without_lone_surrogates(
    raw: bytes, shape: type[InteractionDraft]
) -> tuple[InteractionDraft, list[Problem]]:
    """Lone surrogates are valid in JSON's grammar but not in Unicode; only `json` decodes them."""
    try:
        members = json.loads(raw, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise MalformedBody from None
    if not isinstance(members, dict):
        return InteractionDraft(resource_id="?"), [Problem("", "must be a JSON object")]
    lonely = [name for name, value in members.items() if not _is_unicode(name, value)]
    if not lonely:
        raise MalformedBody
    others = {name: value for name, value in members.items() if name not in lonely}
    draft, problems = read_draft(json.dumps(others).encode(), shape)
    wrong = {name.encode(errors="replace").decode() for name in lonely}
    problems = [problem for problem in problems if problem.field not in wrong]
    return draft, [Problem(name, _NOT_UNICODE) for name in wrong] + problems


def _is_unicode(name: str, value: Any) -> bool:
    try:
        json.dumps([name, value], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_member_by_member(
    raw: bytes, shape: type[InteractionDraft]
) -> tuple[InteractionDraft, list[Problem]]:
    if len(raw) > INTERACTION_BYTES:
        # A million members would take a hundred times their size in memory.
        problem = Problem("", f"is larger than {INTERACTION_BYTES >> 20} MiB")
        return shape(resource_id="?"), [problem]
    try:
        members = _members_of(raw)
    except msgspec.ValidationError:
        return shape(resource_id="?"), [Problem("", "must be a JSON object")]
    values: dict[str, Any] = {}
    problems = []
    names = _NAMES[shape]
    for name, member in members.items():
        decoder, rule = _OF_IMPORTS.get(name, (_TEXT, "must be a string"))
        if name not in names:
            problems.append(Problem(name, _no_member(name)))
        elif name in _JSON_MEMBERS:
            values[names[name]] = member
        else:
            try:
                value = decoder.decode(member)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                problems.append(Problem(name, rule))
                continue
            if name in _LIMITED and value is not None and len(value) > TEXT_LENGTH:
                problems.append(Problem(name, TEXT_RULE))
            else:
                values[names[name]] = value
    named = {problem.field for problem in problems}
    if values.get("resource_id") is None:
        values["resource_id"] = "?"
        if "resourceId" not in named:
            problems.append(Problem("resourceId", "is required"))
    draft = shape(**values)
    return draft, problems + _lengths(draft) + _restore(draft)


def _members_of(raw: bytes) -> dict[str, msgspec.Raw]:
    """Raises msgspec.ValidationError if it is not an object, MalformedBody if it is not JSON."""
    try:
        return _MEMBERS.decode(raw)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        if raw.lstrip()[:1] != b"{":
            raise msgspec.ValidationError from None
        return {name: msgspec.Raw(value) for name, value in split_object(raw)}
    except msgspec.DecodeError as error:
        raise MalformedBody(f"The interaction is not valid JSON: {_reason(error)}") from None


def _no_member(name: str) -> str:
    message = "is not a member of an interaction"
    return f"{message}; a batch with ?import=true takes it" if name in _OF_IMPORTS else message


def _lengths(draft: InteractionDraft) -> list[Problem]:
    if 1 <= len(draft.resource_id) <= RESOURCE_ID_LENGTH:
        return []
    return [Problem("resourceId", f"must have 1 to {RESOURCE_ID_LENGTH} characters")]


def _reason(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ")
