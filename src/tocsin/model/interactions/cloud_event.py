"""Converts CloudEvents 1.0 to interactions.

The rules are "CloudEvents" in docs/reference/api.md, the reasons docs/decisions/0091. An event is
given as its attributes, each the bytes of a JSON value, so that its data is stored byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import msgspec

from tocsin.errors import InvalidInput, MalformedBody, Problem
from tocsin.model.interactions.catalog import as_mnemonic
from tocsin.model.interactions.splitting import SURROGATE, split_object

NAMESPACE = UUID("6e1d5c7e-0c1b-5e0e-9d3a-70c51a000004")
DATA, BASE64 = "data", "data_base64"
ID, SOURCE, TYPE, SUBJECT, TIME = "id", "source", "type", "subject", "time"
VERSION, CONTENT_TYPE = "specversion", "datacontenttype"
RESOURCE_TYPE, USER = "resourcetype", "authid"

_REQUIRED = (VERSION, ID, SOURCE, TYPE)
_READ = (*_REQUIRED, SUBJECT, TIME, CONTENT_TYPE, RESOURCE_TYPE, USER)
_NAME = re.compile(r"[a-z0-9]+")
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_JSON_MEDIA = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json", re.IGNORECASE)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OPTIONAL_TEXT = msgspec.json.Decoder(str | None)

Attributes = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class EventNames:
    """Mnemonics that a request gives in place of attributes of its events."""

    resource_type: str | None = None
    action: str | None = None
    origin: str | None = None


def event_attributes(raw: bytes) -> dict[str, bytes]:
    """The attributes and the data of an event in the JSON format.

    Raises MalformedBody, or InvalidInput if it is not an object.
    """
    try:
        return {name: bytes(value) for name, value in _MEMBERS.decode(raw).items()}
    except msgspec.ValidationError:
        raise InvalidInput.at("", "must be a JSON object: a CloudEvent") from None
    except RecursionError:
        return _split(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if SURROGATE.search(raw):
            return _split(raw)
        reason = str(error).removeprefix("JSON is malformed: ")
        raise MalformedBody(f"The event is not valid JSON: {reason}") from None


def _split(raw: bytes) -> dict[str, bytes]:
    if raw.lstrip()[:1] != b"{":
        raise InvalidInput.at("", "must be a JSON object: a CloudEvent")
    return dict(split_object(raw))


def interaction_of(attributes: Attributes, names: EventNames) -> bytes:
    """The interaction that an event describes, as a sender would write it.

    Raises InvalidInput with every problem of the attributes.
    """
    texts, problems = _texts(attributes)
    wrong = {problem.field for problem in problems}
    problems += [
        Problem(name, "is required") for name in _REQUIRED if name not in texts.keys() | wrong
    ]
    resource_type = names.resource_type or texts.get(RESOURCE_TYPE)
    if not resource_type and RESOURCE_TYPE not in wrong:
        message = "is required: as an extension attribute of the event, or as ?resourceType="
        problems.append(Problem(RESOURCE_TYPE, message))
    payload = _payload(attributes, texts.get(CONTENT_TYPE), problems)
    if problems:
        raise InvalidInput(problems=problems)
    return msgspec.json.encode(
        {
            "resourceId": texts.get(SUBJECT) or texts[SOURCE],
            "resourceType": resource_type,
            "action": names.action or as_mnemonic(texts[TYPE]),
            "origin": names.origin or as_mnemonic(texts[SOURCE]),
            "interaction": msgspec.Raw(payload),
            "externalReference": texts[ID],
            "timestamp": texts.get(TIME),
            "userId": texts.get(USER),
            "interactionId": str(event_uuid(texts[SOURCE], texts[ID])),
        }
    )


def event_uuid(source: str, id: str) -> UUID:
    """The id of the interaction: source and id together identify an event."""
    return uuid5(NAMESPACE, msgspec.json.encode([source, id]).decode())


def attribute_problems(error: InvalidInput, attributes: Attributes) -> list[Problem]:
    """The problems of the interaction, by the attributes that its members come from."""
    of_members = {
        "resourceId": SUBJECT if SUBJECT in attributes else SOURCE,
        "resourceType": RESOURCE_TYPE,
        "action": TYPE,
        "origin": SOURCE,
        "interaction": BASE64 if BASE64 in attributes else DATA,
        "externalReference": ID,
        "timestamp": TIME,
        "userId": USER,
        "interactionId": ID,
    }
    return [
        Problem(of_members.get(problem.field, problem.field), problem.message)
        for problem in error.problems
    ]


def is_json(media_type: str | None) -> bool:
    """Whether data of this content type is JSON, which it also is without one."""
    return not media_type or _JSON_MEDIA.match(media_type.strip()) is not None


def _texts(attributes: Attributes) -> tuple[dict[str, str], list[Problem]]:
    """The attributes that are read, without those that are null, and the problems of all."""
    texts: dict[str, str] = {}
    problems = [
        Problem(name, "is not a name of an attribute: lower-case letters and digits")
        for name in attributes
        if not _NAME.fullmatch(name) and name != BASE64
    ]
    for name in _READ:
        try:
            text = _OPTIONAL_TEXT.decode(attributes.get(name, b"null"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            problems.append(Problem(name, "must be a string"))
            continue
        if text is not None and (rule := _broken_rule(name, text)):
            problems.append(Problem(name, rule))
        elif text is not None:
            texts[name] = text
    return texts, problems


def _broken_rule(name: str, text: str) -> str | None:
    if not text:
        return "must not be empty"
    if name == VERSION and text != "1.0":
        return 'must be "1.0"'
    if name == SOURCE and _BLANK_OR_CONTROL.search(text):
        return "must be a URI reference, without blanks"
    return None


def _payload(attributes: Attributes, media_type: str | None, problems: list[Problem]) -> bytes:
    """The data as an object; data that is none is its member `data`."""
    data, encoded = (_given(attributes, name) for name in (DATA, BASE64))
    if data and encoded:
        problems.append(Problem(BASE64, "must not be given beside data"))
    elif encoded:
        return _decoded(encoded, media_type, problems)
    return _object(DATA, data) if data else b"{}"


def _given(attributes: Attributes, name: str) -> bytes | None:
    value = attributes.get(name, b"null").strip()
    return None if value == b"null" else value


def _object(name: str, value: bytes) -> bytes:
    return value if value[:1] == b"{" else b'{"%b":%b}' % (name.encode(), value)


def _decoded(encoded: bytes, media_type: str | None, problems: list[Problem]) -> bytes:
    try:
        text: Any = msgspec.json.decode(encoded, type=str)
        data = base64.b64decode(text, validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError):
        problems.append(Problem(BASE64, "must be Base64 text"))
        return b"{}"
    if not is_json(media_type):
        return _object(BASE64, encoded)
    if not _is_json_text(data):
        problems.append(Problem(BASE64, f"is not JSON, which {CONTENT_TYPE} declares"))
        return b"{}"
    return _object(DATA, data.strip())


def _is_json_text(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
        data.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
