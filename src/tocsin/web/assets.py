"""Serves styles, scripts and pictures, which are files of this package.

Pages load nothing from other hosts.
"""

from __future__ import annotations

import mimetypes
from functools import cache
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter, Response

from tocsin.errors import NotFound

PATH = "/web/static"
_FOREVER = "public, max-age=31536000, immutable"
_FOLDER = files("tocsin.web") / "static"

router = APIRouter(include_in_schema=False)


def url(name: str) -> str:
    """The address of a file, with a hash of its content, so that browsers may cache it forever."""
    return f"{PATH}/{name}?v={sha256(_content(name)).hexdigest()[:12]}"


@router.get(PATH + "/{name:path}")
def static_file(name: str) -> Response:
    if name not in _names():
        raise NotFound("There is no such file")
    media_type = mimetypes.guess_type(name)[0] or "text/plain"
    headers = {"Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff"}
    return Response(_content(name), headers=headers, media_type=media_type)


@cache
def _names() -> frozenset[str]:
    return frozenset(entry.name for entry in _FOLDER.iterdir() if entry.is_file())


@cache
def _content(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
