"""Reads the headers of a request."""

from __future__ import annotations

from starlette.requests import Request

_BLANKS = " \t"


def header(request: Request, name: str) -> str | None:
    """The value of a header without the blanks around it (RFC 9110, 5.5), or None.

    HTTP gives no encoding: the bytes are UTF-8 if they are valid UTF-8, else Latin-1.
    """
    value = request.headers.get(name)
    if value is None:
        return None
    # No other blanks: in Latin-1, a no-break space is also the second byte of some UTF-8 letters.
    value = value.strip(_BLANKS)
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def header_list(request: Request, name: str) -> list[str]:
    """The elements of a comma-separated header in lower case, over all lines of its name."""
    lines = request.headers.getlist(name)
    elements = (element.strip(_BLANKS) for line in lines for element in line.split(","))
    return [element.lower() for element in elements if element]
