"""Reads request bodies and encodes response bodies.

msgspec decodes JSON, because it accepts only valid JSON and keeps integers of any length exact.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from fastapi import Depends, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.types import Scope

from tocsin.api.headers import header, header_list
from tocsin.errors import InvalidInput, MalformedBody, TooLarge, UnsupportedEncoding
from tocsin.ingestion.body_budget import HeldBytes
from tocsin.ingestion.decompression import CODINGS, decompress_body
from tocsin.model.ceilings import DEFINITION_BYTES, SMALL_BODY_BYTES
from tocsin.model.interactions.splitting import BYTE_ORDER_MARK
from tocsin.model.validation import problems_of
from tocsin.process.pools import Pool

_HELD = "tocsin.held_bytes"

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, limit: int) -> bytes:
    """The body without its Content-Encoding and without a byte order mark.

    Its bytes count against the memory for bodies until the request ends. Raises TooLarge as soon
    as the body has more than `limit` bytes, compressed or decompressed; NoRoomForBody;
    UnsupportedEncoding; or MalformedBody if it cannot be decompressed.
    """
    coding = _content_coding(request)
    body = await _received(request, limit)
    if coding:
        hold = _held_bytes(request).grow_to
        unpacking: Pool = request.app.state.runtime.pools.unpacking
        body = await unpacking.run(partial(decompress_body, body, coding, limit, hold))
    return body.removeprefix(BYTE_ORDER_MARK)


def _content_coding(request: Request) -> str | None:
    codings = [name for name in header_list(request, "content-encoding") if name != "identity"]
    if len(codings) > 1 or not CODINGS.issuperset(codings):
        raise UnsupportedEncoding
    return codings[0] if codings else None


async def _received(request: Request, limit: int) -> bytes:
    announced = header(request, "content-length") or ""
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    # The chunks are joined once at the end, because appending to bytes copies them each time.
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if size > SMALL_BODY_BYTES:
            _held_bytes(request).grow_to(size)
    return b"".join(chunks)


def release_body(scope: Scope) -> None:
    """Release the memory for bodies that a request held, once it has ended."""
    held = scope.get(_HELD)
    if held is not None:
        held.release()


def _held_bytes(request: Request) -> HeldBytes:
    held: HeldBytes | None = request.scope.get(_HELD)
    if held is None:
        held = request.scope[_HELD] = HeldBytes(request.app.state.runtime.bodies)
    return held


async def _read(request: Request) -> bytes:
    return await read_body(request, DEFINITION_BYTES)


Body = Annotated[bytes, Depends(_read)]
"""The body of a definition; a handler decodes it in its own thread."""


def decode(body: bytes) -> Any:
    """The value of a JSON body. Raises MalformedBody, or InvalidInput for a number that no double
    can hold or text that is not valid Unicode."""
    if not body.strip():
        raise MalformedBody("The body is empty; it must be JSON")
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput.at("", "holds a number that no double can hold") from error
    except UnicodeDecodeError as error:
        raise MalformedBody("The body is not valid UTF-8") from error
    except msgspec.DecodeError as error:
        if _has_lone_surrogate(body):
            raise InvalidInput.at("", "holds text that is not valid Unicode") from error
        detail = str(error).removeprefix("JSON is malformed: ")
        raise MalformedBody(f"The body is not valid JSON: {detail}") from error
    except RecursionError as error:
        raise MalformedBody("The body is nested too deeply") from error


def _has_lone_surrogate(body: bytes) -> bool:
    """Whether a string has half a surrogate pair. The JSON grammar allows it, Unicode does not, and
    msgspec raises the same error for every kind of invalid body."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def decode_as(model: type[Model], body: bytes) -> Model:
    """The body as a model; InvalidInput holds every problem."""
    return validated(model, decode(body))


def validated(model: type[Model], value: Any) -> Model:
    """A JSON value as a model; InvalidInput holds every problem."""
    if not isinstance(value, dict):
        raise InvalidInput.at("", "must be a JSON object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error


def json_response(content: Any, status: int = 200, location: str | None = None) -> Response:
    """The content as JSON. A value without a JSON type is encoded as its text."""
    headers = {"Location": location} if location else None
    encoded = msgspec.json.encode(content, enc_hook=str)
    return Response(encoded, status, headers, "application/json")


def created(content: Any, path: str, id: UUID) -> Response:
    return json_response(content, 201, f"{path}/{id}")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit // (1024 * 1024)} MiB")
