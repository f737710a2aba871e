"""Reads the headers of a request."""

from __future__ import annotations

from starlette.requests import Request

_BLANKS = b" \t"


def header(request: Request, name: str) -> str | None:
    """The value of a header without the blanks around it (RFC 9110, 5.5), or None.

    HTTP gives no encoding: the bytes are UTF-8 if they are valid UTF-8, else Latin-1. The name is
    in lower case, as the server's are.
    """
    encoded = name.encode()
    # Not by Starlette's mapping, which decodes every name of the request to find one.
    for each, value in request.scope["headers"]:
        if each == encoded:
            return _text(value)
    return None


def _text(value: bytes) -> str:
    # No other blanks: a no-break space is also the second byte of some UTF-8 letters.
    stripped = value.strip(_BLANKS)
    try:
        return stripped.decode()
    except UnicodeDecodeError:
        return stripped.decode("latin-1")


def header_list(request: Request, name: str) -> list[str]:
    """The elements of a comma-separated header in lower case, over all lines of its name."""
    encoded = name.encode()
    lines = [_text(value) for each, value in request.scope["headers"] if each == encoded]
    elements = (element.strip(" \t") for line in lines for element in line.split(","))
    return [element.lower() for element in elements if element]
