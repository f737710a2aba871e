"""The OpenAPI document: what FastAPI does not read from the signature of a handler.

Handlers read and answer bytes, so that nothing is validated or serialized twice; `describes`
declares the shapes of both. Shapes of responses are msgspec structs, those of requests are Pydantic
models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from tocsin import __version__
from tocsin.api.auth import SCHEME
from tocsin.api.problems import MEDIA_TYPE
from tocsin.api.schemas.problems import ProblemResponse

Schema = dict[str, Any]

JSON = "application/json"

_REFERENCE = "#/components/schemas/"
# Tells a shape from the model's class of the same name; the document leaves it out.
_SUFFIX = re.compile(r"(Response|Snapshot|Shape)$")
_SUFFIX_OF_REFERENCE = re.compile(rf'({_REFERENCE}\w+?)(?:Response|Snapshot|Shape)(?=")')
_TITLE = "Tocsin"
_DESCRIPTION = """Record interactions, and measure them by exact metrics.

Send a key as `x-api-key`, or as `Authorization: Bearer`. Instants are RFC 3339; responses have
them in UTC with milliseconds. Errors are `application/problem+json`, with every problem of an
input and the path of its member. Lists are bare arrays, except those that have a cursor."""
_PROBLEMS = {
    400: "The body is not valid JSON, or cannot be decompressed",
    401: "No key, or an unknown, revoked or expired one",
    403: "The role of the key does not permit the request",
    404: "Not found",
    406: "None of the formats is accepted",
    409: "The request conflicts with the current state",
    413: "Too large",
    415: "The Content-Encoding is not supported",
    422: "Well-formed, but not valid; `errors` lists the problems",
    429: "Too many wrong keys from this address; wait for `Retry-After` seconds",
    503: "The engine or the store does not answer; try again after `Retry-After` seconds",
}

# The shapes that routes refer to, by name; filled when the modules of the routes are imported.
_shapes: dict[str, type] = {}


class _Generator(GenerateJsonSchema):
    # A default that JSON has no form for, such as "left out", is not in the schema.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Never: a title only repeats the name of the member."""
        return False


def schema_of(shape: Any) -> Schema:
    """The reference to a struct or a model, or an array of it where it is given in a list."""
    if isinstance(shape, list):
        return {"type": "array", "items": schema_of(shape[0])}
    if not isinstance(shape, type):
        raise TypeError(f"{shape!r} is neither a struct nor a model")
    name = _name_of(shape.__name__)
    if _shapes.setdefault(name, shape) is not shape:
        raise TypeError(f"two shapes are called {name}")
    return {"$ref": _REFERENCE + name}


def describes(
    response: Any = None,
    description: str = "Done",
    *,
    status: int = 200,
    body: Any = None,
    example: Any = None,
    problems: Sequence[int] = (),
    needs_key: bool = True,
    media: Sequence[str] = (JSON,),
) -> dict[str, Any]:
    """The arguments of a route that describe its body, its response and its failures.

    `response` and `body` are arguments of `schema_of`, or whole schemas as dicts; `media` has the
    types of the body.
    """
    failures = {
        # Every route rejects query parameters that it does not declare.
        422,
        *problems,
        *((400, 413, 415) if body else ()),
        *((401, 403, 429, 503) if needs_key else ()),
    }
    content = {}
    if response is not None:
        content = {"content": {JSON: {"schema": _any(response)}}}
    arguments: dict[str, Any] = {
        "status_code": status,
        "response_class": Response,
        "response_model": None,
        "responses": {
            status: {"description": description, **content},
            **{failure: _failure(failure) for failure in sorted(failures)},
        },
    }
    if body:
        arguments["openapi_extra"] = {"requestBody": _request_body(body, example, media)}
    return arguments


def describes_patch(
    response: Any, problems: Sequence[int], schema: Schema, example: Any
) -> dict[str, Any]:
    """The arguments of a route that takes a JSON Merge Patch of a definition."""
    media = ("application/merge-patch+json", JSON)
    return describes(
        response, "Changed", problems=problems, body=schema, example=example, media=media
    )


def patch_of(model: Any) -> Schema:
    """The schema of a patch of a model: no member is required, and each may be null."""
    schema = TypeAdapter(model).json_schema(
        ref_template=_REFERENCE + "{model}", schema_generator=_Generator
    )
    members = {
        name: {"anyOf": [member, {"type": "null"}]} for name, member in schema["properties"].items()
    }
    return {"type": "object", "properties": members, "additionalProperties": False}


def document(app: FastAPI) -> Schema:
    """The OpenAPI 3.1 document of the application."""
    spec = get_openapi(
        title=_TITLE, version=__version__, description=_DESCRIPTION, routes=app.routes
    )
    for path in spec["paths"].values():
        for operation in path.values():
            _finish(operation)
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for framework in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework, None)
    schemas.update(_components())
    components["securitySchemes"]["bearer"] = {"type": "http", "scheme": "bearer"}
    return spec


def _any(shape: Any) -> Schema:
    return shape if isinstance(shape, dict) else schema_of(shape)


def _request_body(body: Any, example: Any, media: Sequence[str]) -> Schema:
    content: Schema = {"schema": _any(body)}
    if example is not None:
        content["example"] = example
    return {"required": True, "content": dict.fromkeys(media, content)}


def _failure(status: int) -> Schema:
    schema = schema_of(ProblemResponse)
    failure: Schema = {
        "description": _PROBLEMS[status],
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if status in (429, 503):
        failure["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return failure


def _finish(operation: Schema) -> None:
    """Add the role, and remove the 422 that FastAPI adds to every route with a parameter."""
    for requirement in list(operation.get("security", ())):
        roles = requirement[SCHEME]
        operation["x-required-role"] = roles
        operation["security"].append({"bearer": roles})
    if "HTTPValidationError" in str(operation["responses"].get("422")):
        del operation["responses"]["422"]


def _name_of(class_name: str) -> str:
    return _SUFFIX.sub("", class_name)


def _components() -> Iterator[tuple[str, Schema]]:
    structs = [shape for shape in _shapes.values() if issubclass(shape, msgspec.Struct)]
    yield from _struct_schemas(structs)
    models = [shape for shape in _shapes.values() if shape not in structs]
    yield from _model_schemas(models).items()


def _struct_schemas(structs: Sequence[type]) -> Iterator[tuple[str, Schema]]:
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REFERENCE + "{name}")
    for title, schema in json.loads(_SUFFIX_OF_REFERENCE.sub(r"\1", json.dumps(schemas))).items():
        # A title only repeats the name.
        del schema["title"]
        if "enum" in schema:
            schema["type"] = "string"
        yield _name_of(title), schema


def _model_schemas(models: Sequence[type]) -> Schema:
    mode: JsonSchemaMode = "validation"
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (model.__name__, mode, TypeAdapter(model)) for model in models
    ]
    _, schema = TypeAdapter.json_schemas(
        adapters, ref_template=_REFERENCE + "{model}", schema_generator=_Generator
    )
    return dict(schema["$defs"])
