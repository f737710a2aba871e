"""What may a sender write, and what is recorded.

Interactions come by the ten thousand, so they are decoded by msgspec in one pass, the payload
kept as the bytes that were sent. Only an interaction that fails is looked at again, member by
member, so that every problem is reported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tocsin.errors import InvalidInput, MalformedBody, Problem
from tocsin.model.verbatim import Verbatim, restores

MAX_RESOURCE_ID = 512
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# A string without an end is a token too: else the search would begin anew at each quote in it.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\]\[{},]', re.DOTALL)
_NOT_UNICODE = "holds text that is not valid Unicode: a lone surrogate"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Draft(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    """An interaction as it is sent, apart from what the headers add."""

    resource_id: str
    resource_type: str | None = None
    resource_type_id: str | None = None
    action: str | None = None
    action_id: str | None = None
    origin: str | None = None
    origin_id: str | None = None
    interaction: msgspec.Raw = msgspec.Raw(b"{}")
    external_reference: str | None = None
    external_response: msgspec.Raw = msgspec.Raw(b"")
    timestamp: str | None = None
    uow_id: str | None = None
    user_id: str | None = None
    interaction_id: str | None = None


class ImportedDraft(Draft, forbid_unknown_fields=True, rename="camel", gc=False):
    """An interaction as another installation answers or exports it; its number says nothing here.

    Its `interaction` and `external_response` have blanks for the line ends of `verbatim`.
    """

    interaction_number: int | None = None
    verbatim: Verbatim | None = None


class Interaction(msgspec.Struct, gc=False):
    """An interaction as it is recorded.

    Ids are the 16 bytes of a UUID, instants milliseconds since 1970 in UTC, JSON values the bytes
    that were sent (`external_response` empty where none was).
    """

    interaction_id: bytes
    resource_type_id: bytes
    action_id: bytes
    origin_id: bytes
    resource_id: str
    timestamp: int
    payload: bytes
    external_response: bytes
    uow_id: bytes | None
    user_id: str | None
    external_reference: str | None
    big_integers: Sequence[str]
    hollow_objects: Sequence[str]
    interaction_number: int = 0
    is_told: bool = False
    """Whether its deliveries are written already, as those of a transition are."""
    is_imported: bool = False
    """Whether it was recorded elsewhere before: then nobody is told, and no alert looks at once."""


_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_DRAFTS: dict[type[Draft], msgspec.json.Decoder[Any]] = {
    shape: msgspec.json.Decoder(shape) for shape in (Draft, ImportedDraft)
}
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str | None)
_KEY = msgspec.json.Decoder(str)
_JSON_MEMBERS = {"interaction", "externalResponse"}
_NAMES = {
    shape: {field.encode_name: field.name for field in msgspec.structs.fields(shape)}
    for shape in _DRAFTS
}
_OF_IMPORTS = {
    "interactionNumber": (msgspec.json.Decoder(int | None), "must be a whole number"),
    "verbatim": (msgspec.json.Decoder(Verbatim | None), "must hold JSON values as texts"),
}


def read_draft(raw: bytes, shape: type[Draft] = Draft) -> tuple[Draft, list[Problem]]:
    """The interaction in some JSON, as far as it can be read, and what is wrong with the rest.

    Raises MalformedBody if it is no JSON.
    """
    try:
        if not raw.isascii():
            raw.decode()
        draft: Draft = _DRAFTS[shape].decode(raw)
    except (msgspec.ValidationError, RecursionError):
        return _read_member_by_member(raw, shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _SURROGATE.search(raw):
            return _read_without_lone_surrogates(raw, shape)
        raise MalformedBody(f"The interaction is not valid JSON: {_said(error)}") from None
    return draft, _lengths(draft) + _restore(draft)


def read_drafts(raws: Sequence[bytes], shape: type[Draft] = Draft) -> list[Draft] | None:
    """The interactions in many pieces of JSON; None if there is anything wrong with any."""
    try:
        drafts: list[Draft] = list(map(_DRAFTS[shape].decode, raws))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    together = b"".join(raws)
    is_text = together.isascii() or _is_text(together)
    if not is_text or any(map(_lengths, drafts)):
        return None
    return None if shape is not Draft and any(map(_restore, drafts)) else drafts


def _restore(draft: Draft) -> list[Problem]:
    """Put the line ends back that an export could not hold in a line, and take the null away that
    answers have for a response that there is not."""
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


def split_lines(body: bytes) -> list[bytes]:
    """The trimmed lines of NDJSON that are not blank."""
    trim = trim_line if BYTE_ORDER_MARK in body else bytes.strip
    return [line for line in map(trim, body.split(b"\n")) if line]


def trim_line(line: bytes) -> bytes:
    """A line of NDJSON without blanks around it and without a byte order mark at its beginning.

    Not only the first line may have one: where files were joined, the first of each file has.
    """
    return line.strip().removeprefix(BYTE_ORDER_MARK).lstrip()


def split_array(body: bytes) -> list[bytes]:
    """The elements of a JSON array, each as the bytes that were sent.

    Raises MalformedBody if it is no JSON, InvalidInput if it is no array.
    """
    try:
        body.decode()
        return [bytes(item) for item in _ARRAY.decode(body)]
    except msgspec.ValidationError:
        raise InvalidInput.at("", "must be an array of interactions, or NDJSON") from None
    except RecursionError:
        return _split_at_commas(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if not _SURROGATE.search(body):
            raise MalformedBody(f"The body is not valid JSON: {_said(error)}") from None
        return _split_at_commas(body)


def _split_at_commas(body: bytes) -> list[bytes]:
    """The elements by their brackets alone, each to be looked at by itself: one interaction that
    is nested without end, or has a lone surrogate, must not take the others down."""
    elements: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and mark == b","):
            elements.append(body[start : token.start()].strip())
            start = token.end()
        if depth == 0:
            break
    if depth or body[start:].strip() or body.lstrip()[:1] != b"[":
        raise MalformedBody
    return elements if elements != [b""] else []


def split_object(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of a JSON object by their brackets alone, however deep one of them is nested;
    each value as the bytes that were sent. Raises MalformedBody."""
    depth = start = 0
    name = None
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        elif depth == 1 and name is None and mark[:1] == b'"':
            name, start = _key(mark), raw.find(b":", token.end()) + 1
        if name is not None and (depth == 0 or (depth == 1 and mark == b",")):
            yield name, raw[start : token.start()].strip()
            name = None
        if depth == 0:
            return
    raise MalformedBody


def _key(token: bytes) -> str:
    try:
        return _KEY.decode(token)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedBody from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _read_without_lone_surrogates(raw: bytes, shape: type[Draft]) -> tuple[Draft, list[Problem]]:
    """JSON's grammar allows them, Unicode does not; a decoder of Python's own lets them through."""
    try:
        members = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedBody from None
    if not isinstance(members, dict):
        return Draft(resource_id="?"), [Problem("", "must be a JSON object")]
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


def _read_member_by_member(raw: bytes, shape: type[Draft]) -> tuple[Draft, list[Problem]]:
    try:
        members = _MEMBERS.decode(raw)
    except msgspec.ValidationError:
        return shape(resource_id="?"), [Problem("", "must be a JSON object")]
    except RecursionError:
        if raw.lstrip()[:1] != b"{":
            return Draft(resource_id="?"), [Problem("", "must be a JSON object")]
        members = {name: msgspec.Raw(value) for name, value in split_object(raw)}
    except msgspec.DecodeError as error:
        raise MalformedBody(f"The interaction is not valid JSON: {_said(error)}") from None
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
                values[names[name]] = decoder.decode(member)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                problems.append(Problem(name, rule))
    named = {problem.field for problem in problems}
    if values.get("resource_id") is None:
        values["resource_id"] = "?"
        if "resourceId" not in named:
            problems.append(Problem("resourceId", "is required"))
    draft = shape(**values)
    return draft, problems + _lengths(draft) + _restore(draft)


def _no_member(name: str) -> str:
    said = "is no member of an interaction"
    return f"{said}; a batch with ?import=true takes it" if name in _OF_IMPORTS else said


def _lengths(draft: Draft) -> list[Problem]:
    if 1 <= len(draft.resource_id) <= MAX_RESOURCE_ID:
        return []
    return [Problem("resourceId", f"must have 1 to {MAX_RESOURCE_ID} characters")]


def _said(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ")
