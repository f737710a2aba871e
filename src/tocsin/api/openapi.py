"""What does the OpenAPI document say of a route, beyond what FastAPI reads from its signature?

Handlers read bytes and answer bytes, so that nothing is validated or serialized twice; their
shapes are given to `documented`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from tocsin import __version__
from tocsin.api.auth import SCHEME
from tocsin.api.problems import MEDIA_TYPE
from tocsin.api.schemas import metrics

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_TITLE = "Tocsin"
_DESCRIPTION = """Record interactions, and measure them by exact metrics.

Send a key as `x-api-key`, or as `Authorization: Bearer`. Instants are RFC 3339; answers have
them in UTC with milliseconds. Errors are `application/problem+json`, with every problem of an
input and the path where it stands. Lists are bare arrays, except where a cursor is named."""
_PROBLEMS = {
    400: "The body is no valid JSON, or cannot be unpacked",
    401: "No key, or an unknown or revoked one",
    403: "The role of the key does not cover this",
    404: "There is no such thing",
    409: "A fact stands against it",
    413: "Too large",
    415: "The Content-Encoding is not known here",
    422: "Well-formed, but not acceptable; `errors` says what would be right",
    429: "Too many wrong keys from this address; wait for `Retry-After` seconds",
    503: "The engine or the store does not answer; try again after `Retry-After` seconds",
}

# What the routes refer to, by name; filled when they are made.
_shapes: dict[str, type] = {}


class _Generator(GenerateJsonSchema):
    # A default that JSON has no form for, such as "left out", stays out of the schema.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Never: a title that repeats the name of the member says nothing."""
        return False


def schema_of(shape: Any) -> Schema:
    """The reference to a model or a TypedDict, or an array of it where it is given in a list."""
    if isinstance(shape, list):
        return {"type": "array", "items": schema_of(shape[0])}
    if not isinstance(shape, type):
        raise TypeError(f"{shape!r} is no model")
    _shapes[shape.__name__] = shape
    return {"$ref": _REFERENCE.format(model=shape.__name__)}


def documented(
    answer: Any = None,
    says: str = "Done",
    *,
    status: int = 200,
    body: Any = None,
    example: Any = None,
    problems: Sequence[int] = (),
    needs_key: bool = True,
) -> dict[str, Any]:
    """The arguments of a route: what it takes, what it answers, how it fails.

    `answer` and `body` are what `schema_of` takes, or a whole schema as a dict.
    """
    failures = {
        # Of every route: it rejects query parameters that it does not have.
        422,
        *problems,
        *((400, 413, 415) if body else ()),
        *((401, 403, 429, 503) if needs_key else ()),
    }
    content = {} if answer is None else {"content": {"application/json": {"schema": _any(answer)}}}
    arguments: dict[str, Any] = {
        "status_code": status,
        "response_class": Response,
        "response_model": None,
        "responses": {
            status: {"description": says, **content},
            **{failure: _failure(failure) for failure in sorted(failures)},
        },
    }
    if body:
        sent: Schema = {"schema": _any(body)}
        if example is not None:
            sent["example"] = example
        requested = {"required": True, "content": {"application/json": sent}}
        arguments["openapi_extra"] = {"requestBody": requested}
    return arguments


def document(app: FastAPI) -> Schema:
    """The OpenAPI 3.1 document of the application."""
    made = get_openapi(
        title=_TITLE, version=__version__, description=_DESCRIPTION, routes=app.routes
    )
    for path in made["paths"].values():
        for operation in path.values():
            _finish(operation)
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for framework in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework, None)
    schemas.update(_definitions())
    components["securitySchemes"]["bearer"] = {"type": "http", "scheme": "bearer"}
    return made


def _any(shape: Any) -> Schema:
    return shape if isinstance(shape, dict) else schema_of(shape)


def _failure(status: int) -> Schema:
    schema = schema_of(metrics.Problem)
    described: Schema = {
        "description": _PROBLEMS[status],
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if status in (429, 503):
        described["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return described


def _finish(operation: Schema) -> None:
    """Name the role, and leave out the 422 that FastAPI adds to all that has a parameter."""
    for requirement in list(operation.get("security", ())):
        roles = requirement[SCHEME]
        operation["x-required-role"] = roles
        operation["security"].append({"bearer": roles})
    if "HTTPValidationError" in str(operation["responses"].get("422")):
        del operation["responses"]["422"]


def _definitions() -> Schema:
    mode: JsonSchemaMode = "validation"
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (name, mode, TypeAdapter(shape)) for name, shape in _shapes.items()
    ]
    _, schema = TypeAdapter.json_schemas(
        adapters,
        ref_template=_REFERENCE,
        schema_generator=_Generator,
    )
    return dict(schema["$defs"])
