"""The OpenAPI document as a page that loads nothing from other hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import Response

from tocsin.api.openapi import Schema

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; }
h2 { margin-top: 2.5rem; } h4 { margin: 1rem 0 .25rem; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .5rem .75rem; }
details > div { border-top: 1px solid var(--line); padding: .25rem .75rem .75rem; }
code, pre { font: .875rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--soft); border-radius: .25rem; overflow: auto; padding: .5rem; }
.method { display: inline-block; font-weight: 700; min-width: 4.5rem; }
.role { float: right; font-size: .875rem; opacity: .75; }
table { border-collapse: collapse; width: 100%; }
td { border-bottom: 1px solid var(--line); padding: .25rem .5rem .25rem 0; vertical-align: top; }
"""


def reference_page(document: Schema) -> Response:
    """Each route with its role, parameters, body and responses; then the shapes."""
    return Response("".join(_parts(document)), headers=_HEADERS, media_type="text/html")


def _parts(document: Schema) -> Iterator[str]:
    info = document["info"]
    yield "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
    yield "<meta name='viewport' content='width=device-width, initial-scale=1'>"
    yield f"<title>{escape(info['title'])}: HTTP API</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
    yield _paragraphs(info["description"])
    yield "<p>The same as JSON: <a href='/openapi.json'>/openapi.json</a></p>"
    for tag, routes in _by_tag(document).items():
        yield f"<h2>{escape(tag)}</h2>"
        yield from (_route(*route) for route in routes)
    yield "<h2>Shapes</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        # A link to an element inside <details> opens it; a link to <details> itself does not.
        yield f"<details><summary><code>{escape(name)}</code></summary>"
        yield f"<div id='{escape(name)}'>{_code(schema)}</div></details>"
    yield "</body></html>"


def _by_tag(document: Schema) -> dict[str, list[tuple[str, str, Schema]]]:
    tags: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["Other"])[0]
            tags.setdefault(tag, []).append((method, path, operation))
    return tags


def _route(method: str, path: str, operation: Schema) -> str:
    roles = " or ".join(operation.get("x-required-role", ["no key"]))
    parts = [
        f"<details><summary><span class='role'>{escape(roles)}</span>",
        f"<span class='method'>{escape(method.upper())}</span><code>{escape(path)}</code>",
        f"</summary><div>{_paragraphs(operation.get('description', ''))}",
        _parameters(operation.get("parameters", [])),
        _body(operation.get("requestBody", {})),
        _responses(operation["responses"]),
        "</div></details>",
    ]
    return "".join(parts)


def _parameters(parameters: list[Schema]) -> str:
    rows = (
        f"<tr><td><code>{escape(p['name'])}</code> {escape(p['in'])}</td>"
        f"<td>{escape(p.get('description', ''))}</td><td>{_code(p['schema'])}</td></tr>"
        for p in parameters
    )
    return f"<h4>Parameters</h4><table>{''.join(rows)}</table>" if parameters else ""


def _body(body: Schema) -> str:
    parts = []
    for media_type, content in body.get("content", {}).items():
        parts.append(f"<h4>Body: {escape(media_type)}</h4>{_shape(content)}")
        if "example" in content:
            parts.append(_code(content["example"]))
    return "".join(parts)


def _responses(responses: Schema) -> str:
    rows = []
    for status, response in responses.items():
        contents = response.get("content", {}).values()
        shapes = "".join(map(_shape, contents))
        rows.append(
            f"<tr><td>{escape(status)}</td><td>{escape(response['description'])}</td>"
            f"<td>{shapes}</td></tr>"
        )
    return f"<h4>Responses</h4><table>{''.join(rows)}</table>"


def _shape(content: Schema) -> str:
    """Links to the shapes that a schema is made of."""
    names = sorted(set(_references(content.get("schema", {}))))
    return " ".join(f"<a href='#{escape(name)}'>{escape(name)}</a>" for name in names)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        schema = list(schema.values())
    if isinstance(schema, list):
        for member in schema:
            yield from _references(member)


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part)


def _code(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
