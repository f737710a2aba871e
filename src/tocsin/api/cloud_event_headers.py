"""Reads a CloudEvent in the binary mode: attributes in headers, the data in the body.

See "HTTP Protocol Binding for CloudEvents 1.0", 3.1.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.requests import Request

from tocsin.api.headers import header
from tocsin.errors import InvalidInput, MalformedBody, Problem
from tocsin.model.interactions.cloud_event import BASE64, CONTENT_TYPE, DATA, VERSION, is_json

_PREFIX = b"ce-"
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_NO_EVENT = (
    "is required: ce-specversion: 1.0, or the content type application/cloudevents+json for an "
    "event that is in the body as a whole"
)


def header_attributes(request: Request, body: bytes) -> dict[str, bytes]:
    """The attributes and the data as JSON values. Raises InvalidInput with every problem of the
    headers, and MalformedBody for data that is not of the declared type."""
    attributes: dict[str, bytes] = {}
    problems: list[Problem] = []
    for key, value in request.scope["headers"]:
        if not key.startswith(_PREFIX):
            continue
        name = key.removeprefix(_PREFIX).decode("latin-1")
        if name in attributes:
            problems.append(Problem(name, f"the header ce-{name} is given twice"))
        elif name in (CONTENT_TYPE, DATA, BASE64):
            problems.append(Problem(name, _place_of(name)))
        else:
            attributes[name] = _value(name, value, problems)
    if VERSION not in attributes:
        problems.append(Problem(VERSION, _NO_EVENT))
    if problems:
        raise InvalidInput(problems=problems)
    media_type = header(request, "content-type")
    if media_type:
        attributes[CONTENT_TYPE] = msgspec.json.encode(media_type)
    return attributes | _data(body, media_type)


def _place_of(name: str) -> str:
    place = "header content-type" if name == CONTENT_TYPE else "body"
    return f"is not given by ce-{name} but by the {place}"


def _value(name: str, encoded: bytes, problems: list[Problem]) -> bytes:
    """The value as a JSON string: quoted strings are unquoted, then percent-encoding is decoded."""
    unquoted = _QUOTED.sub(_unquoted, encoded.strip(b" \t"))
    try:
        return msgspec.json.encode(unquote_to_bytes(unquoted).decode())
    except UnicodeDecodeError:
        problems.append(Problem(name, f"the header ce-{name} is not percent-encoded UTF-8"))
        return b"null"


def _unquoted(quoted: re.Match[bytes]) -> bytes:
    return _ESCAPED.sub(rb"\1", quoted[1])


def _data(body: bytes, media_type: str | None) -> dict[str, bytes]:
    if not body.strip():
        return {}
    if not is_json(media_type):
        return _other_data(body, media_type or "")
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except RecursionError:
        raise InvalidInput.at(DATA, "is nested too deeply") from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise MalformedBody(f"The data is not valid JSON: {reason}") from None
    return {DATA: body}


def _other_data(body: bytes, media_type: str) -> dict[str, bytes]:
    if media_type.lower().startswith("text/"):
        try:
            return {DATA: msgspec.json.encode(body.decode())}
        except UnicodeDecodeError:
            raise MalformedBody("The data is not UTF-8 text") from None
    return {BASE64: msgspec.json.encode(base64.b64encode(body).decode())}
